//! The authors' weights by name: in the working directory, in the cache, or from their release.
//!
//! A download is a `.part` file in the cache: resumed if interrupted, checked when complete, and then renamed.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use yolov10_media::web;

use crate::message;

/// The release of the authors' code with the weights of the paper.
const RELEASE: &str = "https://github.com/THU-MIG/yolov10/releases/download/v1.1";
const RELEASE_VARIABLE: &str = "YOLO10_BURN_RELEASE";
/// Environment variable for the download folder; otherwise it is the user's cache folder.
const CACHE_VARIABLE: &str = "YOLO10_BURN_CACHE";
const VARIANTS: [&str; 6] = ["n", "s", "m", "b", "l", "x"];
/// Largest weight file, in bytes; the largest of the release, x, has 64 MB.
const LARGEST: u64 = 1 << 30;

/// The file that `name` stands for; `None` if `name` is an ordinary path.
///
/// `n`, `yolov10n`, `yolov10n.pt` and `yolov10n.safetensors` are names, unless a file of that name exists.
pub fn find(name: &Path) -> Result<Option<PathBuf>> {
    let Some(stem) = stem_of(name).filter(|_| !name.exists()) else {
        return Ok(None);
    };
    let cache = cache_folder();
    let folders = [Some(PathBuf::new()), cache.clone()];
    let files = folders
        .iter()
        .flatten()
        .flat_map(|folder| ["pt", "safetensors"].map(|extension| folder.join(format!("{stem}.{extension}"))));
    if let Some(found) = files.into_iter().find(|file| file.is_file()) {
        return Ok(Some(found));
    }
    let file_name = format!("{stem}.pt");
    let Some(cache) = cache else {
        bail!("{file_name}: not in this folder, and no cache folder to download it to: set {CACHE_VARIABLE}");
    };
    let release = env::var(RELEASE_VARIABLE).unwrap_or_else(|_| RELEASE.to_owned());
    let url = format!("{release}/{file_name}");
    let path = cache.join(&file_name);
    download(&url, &path).with_context(|| {
        format!("{url}: cannot be downloaded; put {file_name} into this folder or into {}", cache.display())
    })?;
    Ok(Some(path))
}

/// The folder for downloads.
pub fn cache_folder() -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable(CACHE_VARIABLE).or_else(|| {
        let users = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
        Some(users.or_else(|| variable("LOCALAPPDATA"))?.join("yolo10-burn"))
    })
}

/// `yolov10n` for any name of it.
fn stem_of(name: &Path) -> Option<String> {
    let name = name.to_str()?;
    let stem = name.strip_suffix(".pt").or_else(|| name.strip_suffix(".safetensors")).unwrap_or(name);
    let variant = match stem.strip_prefix("yolov10") {
        Some(variant) => variant,
        // A single letter is short for the whole name; a letter with an extension is the user's own file.
        None if stem == name => stem,
        None => return None,
    };
    VARIANTS.contains(&variant).then(|| format!("yolov10{variant}"))
}

fn download(url: &str, path: &Path) -> Result<()> {
    let folder = path.parent().expect("a file in the cache folder");
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let part_path = path.with_extension("pt.part");
    let mut part = OpenOptions::new().create(true).append(true).read(true).open(&part_path)?;
    // Another process that wants the same file waits here, and then finds it complete.
    part.lock()?;
    if path.is_file() {
        return Ok(());
    }
    message::note(format_args!("downloading {url}: weights of the authors of YOLOv10, under the AGPL-3.0"));
    let received = receive(url, &mut part);
    if received.is_err() && part.metadata()?.len() == 0 {
        fs::remove_file(&part_path)?;
    }
    received?;
    // So far only lengths were compared, and the part may be of another file. Converting checks the CRC of every entry.
    if let Err(error) = weights_convert::convert(&part_path, &weights_convert::Options::default()) {
        fs::remove_file(&part_path)?;
        return Err(anyhow!(error).context("the download is broken and has been deleted"));
    }
    part.sync_all()?;
    fs::rename(&part_path, path)?;
    Ok(())
}

/// Downloads the rest of `part`.
fn receive(url: &str, part: &mut File) -> Result<()> {
    let had = part.seek(SeekFrom::End(0))?;
    // If the server refuses to continue the part, for instance because it is complete, start again.
    let web::Answer { start, length, body, .. } = match web::get(url, had) {
        Err(_) if had > 0 => web::get(url, 0)?,
        answer => answer?,
    };
    part.set_len(start)?;
    let total = length.map(|rest| start + rest);
    ensure!(total.unwrap_or(start) <= LARGEST, "expected at most {LARGEST} bytes, found {}", total.unwrap_or(start));

    let bar = ProgressBar::new(total.unwrap_or(0)).with_position(start);
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left");
    bar.set_style(style.expect("the template is well formed"));
    let limit = LARGEST - start;
    let received = io::copy(&mut bar.wrap_read(web::paced(body).take(limit + 1)), part);
    bar.finish_and_clear();
    let received = received.context("the download was interrupted; the next run resumes it")?;
    ensure!(received <= limit, "expected at most {LARGEST} bytes, found more");
    if let Some(length) = length {
        ensure!(received == length, "expected {length} bytes, found {received}; the next run resumes the download");
    }
    part.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_variant_with_or_without_what_belongs_to_it() {
        for (name, stem) in [
            ("n", Some("yolov10n")),
            ("yolov10x", Some("yolov10x")),
            ("yolov10b.pt", Some("yolov10b")),
            ("yolov10s.safetensors", Some("yolov10s")),
            ("n.pt", None),
            ("yolov10q", None),
            ("yolov10n.onnx", None),
            ("folder/yolov10n.pt", None),
        ] {
            assert_eq!(stem_of(Path::new(name)).as_deref(), stem, "{name}");
        }
    }
}
