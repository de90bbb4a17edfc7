#!/usr/bin/env bash
# What is Windows' own, tried with wine: its paths and patterns, names that differ only in case or belong to devices, files
# that are open elsewhere, Ctrl-C in a console, a code page that is not UTF-8, no ffmpeg. What cannot be done is one line.
#
#   deploy/windows.sh PROGRAM.exe CHECKPOINT.pt
set -euo pipefail
program=$(realpath "${1:?the program that was built for Windows}")
checkpoint=$(realpath "${2:?a checkpoint}")
self=$(realpath "$0")
cd "$(dirname "$self")/.."
[ -n "${RUNNER:-}" ] || exec deploy/cross.sh x86_64-pc-windows-gnu "$self" "$program" "$checkpoint"
picture=$PWD/assets/street.jpg
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cd "$folder"
# As Windows sees it: wine's drive Z: is the root.
drive=Z:${folder//\//\\}

# held FILE COMMAND ..: with the file open, and shared with nobody. page NUMBER COMMAND ..: in a console of this code page.
x86_64-w64-mingw32-gcc -municode -o helper.exe -x c - <<'C'
#include <windows.h>
int wmain(int count, wchar_t **words) {
    wchar_t line[8192] = L"";
    DWORD code = 99;
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION child;
    for (int i = 3; i < count; i++)
        wcscat(wcscat(wcscat(line, L"\""), words[i]), L"\" ");
    if (!wcscmp(words[1], L"page"))
        SetConsoleOutputCP(_wtoi(words[2]));
    else if (CreateFileW(words[2], GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) == INVALID_HANDLE_VALUE)
        return code;
    if (CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &child)) {
        WaitForSingleObject(child.hProcess, INFINITE);
        GetExitCodeProcess(child.hProcess, &code);
    }
    return code;
}
C

there() { timeout 120 $RUNNER "$program" "$@"; }
held() { timeout 120 $RUNNER helper.exe held "$1" "$program" "${@:2}"; }
# Types this into a console in which the program runs: keys, or pauses in seconds.
console() {
    local key
    for key in $1; do
        case $key in [0-9]*) sleep "$key" ;; *) printf "$key" ;; esac
    done | TERM=xterm timeout 120 script -qec "$RUNNER $(printf ' %q' "${@:2}")" /dev/null
}

failed=0
check() {
    if "${@:2}" >said 2>&1; then echo "ok: $1"; else echo "FAILED: $1" && tail -5 said && failed=1; fi
}
# One error, and 2 as the exit code.
refused() {
    local said code=0
    said=$("${@:2}" 2>&1 >/dev/null) || code=$?
    echo "exit code $code: $said"
    [ "$code" = 2 ] && [ "$(grep -c '^error: ' <<<"$said")" = 1 ] && grep -q "^error: .*$1" <<<"$said"
}
# So many pictures are found, and no error.
finds() { [ "$(there run "${@:2}" --no-save --quiet --json | grep -c '"name":"car"')" = "$1" ]; }
# The folder has these files, in the order of their letters' bytes, and no other.
has() { diff <(cd "$1" && find . -type f ! -name .yolo10-burn -printf '%P\n' | LC_ALL=C sort) <(printf '%s\n' "${@:2}"); }

mkdir -p photos/deeper
for name in A.jpg a.jpg 'büs ü.JPG' deeper/b.jpg; do cp "$picture" "photos/$name"; done
cp "$picture" con.tar.jpg
cp "$checkpoint" weights.pt
chmod u+w weights.pt
head -c 4096 /dev/zero | tr '\0' x >clip.mp4

check "paths with backslashes and drives, in full and not, and dots behind them" finds 6 \
    'photos\A.jpg' "$drive\\photos\\A.jpg" "\\\\?\\$drive\\photos\\A.jpg" "${drive#Z:}/photos/A.jpg" 'Z:photos\A.jpg' 'photos\A.jpg.'
check "patterns, to which case means nothing" finds 9 'photos\*.jpg' "$drive\\photos\\**\\B*.Jpg" 'PHOTOS/[A]*.JPG' 'photos/?.jpg'

cases() {
    there run photos --save-txt --save-crop --classes car --name cases --quiet &&
        has runs/detect/cases A.jpg a-2.jpg 'büs ü.jpg' crops/car/{A-1,a-2-1,'büs ü-1'}.jpg labels/{A,a-2,'büs ü'}.txt
}
check "names that differ only in case" cases
again() { there run 'photos\b*.jpg' --name cases --exist-ok --quiet --save-txt && there run 'PHOTOS\A.JPG' --name CASES --exist-ok --quiet; }
check "results under the same name in another case are replaced" again
check "a source in another case is not" refused 'is a source of this run' there run 'PHOTOS\A.JPG' --project . --name photos --exist-ok
devices() {
    there run "\\\\?\\$drive\\con.tar.jpg" --save-txt --save-frames --name devices --quiet &&
        has runs/detect/devices _con.tar.jpg labels/_con.tar.txt
}
check "a picture with a device's name" devices
check "a device as the folder" refused 'con: ' there run 'photos\A.jpg' --project con --quiet
check "a device as the source" refused 'nul: no such file' there run nul --quiet
check "a name that Windows refuses" refused 'a|b: ' there run 'photos\A.jpg' --name 'a|b' --quiet

check "a source that is open elsewhere" refused 'photos.A.jpg: ' held 'photos\A.jpg' run 'photos\A.jpg' --quiet
check "a result that is open elsewhere" refused 'cannot write .*A.jpg: ' \
    held 'runs\detect\cases\A.jpg' run 'photos\A.jpg' --name cases --exist-ok --quiet
check "weights that are open elsewhere" refused 'weights.pt: cannot read' held weights.pt run --weights weights.pt --quiet
check "a conversion" there convert weights.pt
check "the same over its own result, in another case" there convert WEIGHTS.PT -o WEIGHTS.safetensors
check "over a file that is open elsewhere" refused 'cannot write weights.safetensors' held weights.safetensors convert weights.pt
check "over its own source" refused 'is the input itself' there convert weights.pt -o WEIGHTS.PT
leftovers() { [ -z "$(find . -name '.yolo10-burn-*')" ]; }
check "no temporary file is left" leftovers

list() {
    printf 'photos\\A.jpg\r\n%s\\photos\\a.jpg\r\nphotos/deeper/b.jpg\r\n' "$drive" >list.txt
    local shard
    for shard in 0 1; do there run --list list.txt --shard $shard/2 --out shards --save-txt || return; done
    there merge shards | grep -q '3 rows, 0 errors' && has shards/labels A.txt a-2.txt b.txt
}
check "a list in parts, whose lines end as Windows' do" list
iconv -t UTF-16 list.txt >utf-16.txt
check "a list in UTF-16" refused 'UTF-16' there run utf-16.txt --quiet
isolated() { there run 'photos\A.jpg' --isolate --no-save --quiet --json | grep -q '"name":"car"'; }
check "a worker process" isolated
check "no ffmpeg" refused 'ffmpeg.exe and ffprobe.exe' there run clip.mp4 --quiet
check "a camera's number" refused 'no numbers' there run 0 --quiet

for _ in $(seq 500); do echo 'photos\A.jpg'; done >many.txt
interrupted() {
    local code=0
    console "8 \\003 20" "$program" run many.txt --save-csv --name "$1" "${@:2}" >typed || code=$?
    grep -o 'interrupted after [0-9]* of 500' typed && [ "$code" = 130 ] && [ -s "runs/detect/$1/predictions.csv" ] && leftovers
}
check "Ctrl-C finishes what is in progress" interrupted once
check "and a worker's" interrupted worker --isolate
served() {
    console "8 \\003 20" "$program" serve --http 127.0.0.1:0 --no-grpc >typed && grep -q 'shutdown, .* 0 left' typed
}
check "Ctrl-C ends the server" served
page() { console 0 helper.exe page 437 "$program" run 'photos\büs ü.JPG' --no-save >typed && grep -q 'büs ü.JPG: ' typed; }
check "letters in a console whose code page is 437" page
exit $failed
