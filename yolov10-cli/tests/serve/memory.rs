//! Memory is back when the answer says so, whoever asked, and nobody takes more than the budget.

use std::thread;

use serde_json::{Value, json};

use crate::client::{Server, read, waits_until};
use crate::{OBJECTS, STREET, model};

/// Bytes that a process keeps of its own accord around loading and freeing: buffers of the allocator, code that has
/// been touched. A model has 22 MB.
const NOISE: u64 = 4 << 20;

fn reserved(memory: &Value) -> u64 {
    ["weights", "workspace", "staging"].iter().map(|kind| memory[kind]["reserved"].as_u64().expect("bytes")).sum()
}

/// The model's line of `/v1/memory`.
fn line(server: &Server, name: &str) -> Value {
    let all = server.get("/v1/memory").json(200);
    let models = all["models"].as_array().expect("models").clone();
    models.into_iter().find(|model| model["name"] == name).expect("a line")
}

fn unload(server: &Server, name: &str) -> Value {
    server.post(&format!("/v2/repository/models/{name}/unload"), b"").json(200)
}

fn load(server: &Server, name: &str) -> Value {
    server.post(&format!("/v2/repository/models/{name}/load"), b"").json(200)
}

fn detect(server: &Server, name: &str) {
    assert_eq!(server.post(&format!("/v1/models/{name}/detect"), STREET).status, 200);
}

#[test]
fn every_row_of_the_table_of_states_is_true_when_it_is_answered() {
    let server = Server::start(&[&model("n")]);
    let loaded = line(&server, "n")["memory"].clone();
    assert!(loaded["weights"]["reserved"].as_u64() > Some(10_000_000), "{loaded}");
    assert_eq!(loaded["workspace"]["reserved"], 0);
    detect(&server, "n");
    let ran = line(&server, "n")["memory"].clone();
    assert_eq!(ran["weights"], loaded["weights"]);
    let workspace = ran["workspace"]["reserved"].as_u64().expect("bytes");
    assert!(workspace > 1_000_000, "{ran}");
    detect(&server, "n");
    assert_eq!(line(&server, "n")["memory"]["workspace"], ran["workspace"]);

    let trimmed = server.post("/v1/models/n/trim", b"").json(200);
    assert_eq!((&trimmed["reason"], &trimmed["residue"]), (&json!("trimmed"), &json!(0)));
    assert!(trimmed["released"].as_u64().expect("bytes") >= workspace);
    assert_eq!(line(&server, "n")["memory"]["workspace"]["reserved"], 0);

    detect(&server, "n");
    let held = reserved(&line(&server, "n")["memory"]);
    let freed = unload(&server, "n");
    assert_eq!((&freed["model"], &freed["reason"], &freed["residue"]), (&json!("n"), &json!("unloaded"), &json!(0)));
    assert_eq!(freed["released"], held);
    assert_eq!((reserved(&freed["before"]), reserved(&freed["after"])), (held, 0));
    let all = server.get("/v1/memory").json(200);
    assert_eq!((&all["held"], &all["spare_buffers"]), (&json!(0), &json!(0)));
    let gone = line(&server, "n");
    assert_eq!((&gone["state"], &gone["reason"]), (&json!("UNAVAILABLE"), &json!("unloaded")));
    let refused = server.post("/v1/models/n/detect", STREET).error(503);
    assert_eq!(refused, "model n is not ready: unloaded");
    // Once more is no error, and frees nothing.
    assert_eq!(unload(&server, "n")["released"], 0);

    assert_eq!(load(&server, "n")["memory"]["weights"], loaded["weights"]);
    detect(&server, "n");
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_has_its_memory_back_before_the_answer() {
    let server = Server::start(&[&model("n")]);
    detect(&server, "n");
    unload(&server, "n");
    // From the second time on the allocator and the program's code are warm.
    let bare = server.resident();
    for _ in 0..5 {
        load(&server, "n");
        detect(&server, "n");
        let full = server.resident();
        let released = unload(&server, "n")["released"].as_u64().expect("bytes");
        let now = server.resident();
        assert!(full.saturating_sub(now) + NOISE >= released, "{full} - {now} of {released}");
        assert!(now <= bare + NOISE, "{now} after {bare}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_request_takes_no_new_pages_from_the_system() {
    /// Of one decoded picture, had it been taken anew; a few come of threads that the system has moved or started.
    const PAGES: u64 = 1280 * 896 * 3 / 4096;
    const REQUESTS: u64 = 20;
    let server = Server::start(&[&model("n")]);
    (0..5).for_each(|_| detect(&server, "n"));
    let before = server.page_faults();
    (0..REQUESTS).for_each(|_| detect(&server, "n"));
    let taken = server.page_faults() - before;
    assert!(taken < REQUESTS * PAGES / 4, "{taken} in {REQUESTS} requests");
}

#[test]
fn idle_models_go_and_trim_by_themselves() {
    let server = Server::start(&[&model("n"), "--trim-after", "200ms", "--idle-unload", "1500ms"]);
    detect(&server, "n");
    let trimmed = server.wait_for("freed")["details"].clone();
    assert_eq!((&trimmed["reason"], &trimmed["after"]["workspace"]["reserved"]), (&json!("trimmed"), &json!(0)));
    let gone = server.wait_for("freed")["details"].clone();
    assert_eq!((&gone["reason"], &gone["residue"]), (&json!("idle"), &json!(0)));
    let line = line(&server, "n");
    assert_eq!((&line["state"], &line["reason"]), (&json!("UNAVAILABLE"), &json!("idle")));
}

#[test]
fn the_budget_admits_in_exact_bytes_and_the_model_that_was_used_least_recently_makes_way() {
    let alone = Server::start(&[&model("a")]);
    detect(&alone, "a");
    let memory = line(&alone, "a")["memory"].clone();
    let weights = memory["weights"]["reserved"].as_u64().expect("bytes");
    let whole = reserved(&memory);
    drop(alone);

    // Two models with their workspace, bodies and a picture, but not a third one.
    let budget = (2 * whole + weights / 2 + 6_000_000).to_string();
    let models = ["a", "b", "c"].map(model);
    let server = Server::start(&[&models[0], &models[1], "--memory-budget", &budget]);
    detect(&server, "a");
    detect(&server, "b");
    detect(&server, "a");
    let all = server.get("/v1/memory").json(200);
    assert!(all["held"].as_u64() <= all["budget"].as_u64(), "{all}");
    drop(server);

    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a", "b", "c"] {
        std::fs::copy(crate::weights(), folder.path().join(format!("{name}.safetensors"))).expect("copied");
    }
    let repository = folder.path().to_str().expect("a path");
    let server = Server::start(&["--model-repository", repository, "--memory-budget", &budget, "--on-demand"]);
    for name in ["a", "b", "a"] {
        detect(&server, name);
    }
    // `b` has waited longest.
    detect(&server, "c");
    let states =
        |server: &Server| ["a", "b", "c"].map(|name| line(server, name)["reason"].as_str().expect("words").to_owned());
    assert_eq!(states(&server), ["", "evicted", ""]);
    let held = server.get("/v1/memory").json(200)["held"].as_u64().expect("bytes");
    assert!(held <= budget.parse().expect("bytes"), "{held} of {budget}");
    // And is loaded again when it is asked for.
    detect(&server, "b");
    assert_eq!(states(&server), ["evicted", "", ""]);
}

#[test]
fn what_the_budget_does_not_have_is_refused_with_both_numbers() {
    let server = Server::start(&[&model("n")]);
    detect(&server, "n");
    let memory = line(&server, "n")["memory"].clone();
    let weights = memory["weights"]["reserved"].as_u64().expect("bytes");
    drop(server);

    let too_small = weights - 1;
    let ended = crate::life::failure(&[
        &model("n"),
        "--memory-budget",
        &too_small.to_string(),
        "--http",
        "127.0.0.1:0",
        "--grpc",
        "127.0.0.1:0",
    ]);
    assert_eq!(
        ended,
        format!("error: model n: memory budget: {weights} bytes needed, {too_small} of {too_small} free")
    );

    // Weights, and a body with its picture, but no workspace.
    let budget = weights + 200_000 + 3_700_000;
    let server = Server::start(&[&model("n"), "--memory-budget", &budget.to_string()]);
    let refused = server.post("/v1/models/n/detect", STREET);
    assert_eq!(refused.header("retry-after"), Some("1"));
    let refused = refused.error(503);
    let numbers: Vec<u64> = refused.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [needed, free, limit] = numbers[..] else { panic!("{refused}") };
    assert!(refused.starts_with("memory budget: ") && needed > free && limit == budget, "{refused}");
    // What was refused holds nothing, once the thread that had its picture is through with it.
    let held_and_expected = || {
        let all = server.get("/v1/memory").json(200);
        let spare = all["spare_buffers"].as_u64().expect("bytes");
        (all["held"].as_u64().expect("bytes"), reserved(&line(&server, "n")["memory"]) + spare)
    };
    let settled = (0..200).map(|_| held_and_expected()).find(|(held, expected)| held == expected);
    assert!(settled.is_some(), "held and expected: {:?}", held_and_expected());
}

#[test]
fn a_model_with_work_is_never_evicted() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a", "b"] {
        std::fs::copy(crate::weights(), folder.path().join(format!("{name}.safetensors"))).expect("copied");
    }
    let alone = Server::start(&[&model("a")]);
    detect(&alone, "a");
    let whole = reserved(&line(&alone, "a")["memory"]);
    drop(alone);
    let budget = (whole + whole / 2 + 8_000_000).to_string();
    let repository = folder.path().to_str().expect("a path");
    let server = Server::start(&["--model-repository", repository, "--memory-budget", &budget, "--on-demand"]);
    detect(&server, "a");
    // Requests of `a` that go on while `b` is asked for: each is answered, and `b` waits for its turn or is refused.
    thread::scope(|scope| {
        let busy: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..8).for_each(|_| detect_or_make_way(&server, "a")))).collect();
        for _ in 0..8 {
            let answer = server.post("/v1/models/b/detect", STREET);
            assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
        }
        busy.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
    let held = server.get("/v1/memory").json(200)["held"].as_u64().expect("bytes");
    assert!(held <= budget.parse().expect("bytes"));
}

/// An answer, or the refusal of a model that made way while it had no work.
fn detect_or_make_way(server: &Server, name: &str) {
    let answer = server.post(&format!("/v1/models/{name}/detect"), STREET);
    match answer.status {
        200 => assert_eq!(answer.json(200)["detections"].as_array().expect("detections").len(), OBJECTS),
        _ => {
            let refused = answer.error(503);
            assert!(refused.contains("memory budget") || refused.contains("not ready"), "{refused}");
        }
    }
}

#[test]
fn a_load_that_fails_leaves_nothing_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("bad.safetensors"), b"no weights").expect("written");
    std::fs::copy(crate::weights(), folder.path().join("good.safetensors")).expect("copied");
    let server = Server::start(&["--model-repository", folder.path().to_str().expect("a path")]);
    let held = server.get("/v1/memory").json(200)["held"].clone();
    let refused = server.post("/v2/repository/models/bad/load", b"").error(400);
    assert!(refused.starts_with("model bad: ") && refused.contains("bad.safetensors"), "{refused}");
    let bad = line(&server, "bad");
    assert_eq!((&bad["state"], &bad["reason"]), (&json!("UNAVAILABLE"), &json!(refused)));
    assert_eq!(server.get("/v1/memory").json(200)["held"], held);
    // A file that is put there later is found by the index, and a broken one leaves the model that runs as it is.
    std::fs::copy(crate::weights(), folder.path().join("late.safetensors")).expect("copied");
    let index = server.post("/v2/repository/index", b"").json(200);
    let names: Vec<&str> = index.as_array().expect("lines").iter().filter_map(|line| line["name"].as_str()).collect();
    assert_eq!(names, ["bad", "good", "late"]);
    load(&server, "late");
    std::fs::write(folder.path().join("good.safetensors"), b"no weights").expect("written");
    assert_eq!(server.post("/v2/repository/models/good/load", b"").status, 400);
    detect(&server, "good");
    detect(&server, "late");
}

#[test]
fn loading_again_replaces_and_frees_what_ran() {
    let server = Server::start(&[&model("n")]);
    detect(&server, "n");
    let held = reserved(&line(&server, "n")["memory"]);
    let loaded = load(&server, "n");
    assert_eq!((&loaded["replaced"]["reason"], &loaded["replaced"]["released"]), (&json!("reloaded"), &json!(held)));
    assert_eq!(loaded["memory"]["workspace"]["reserved"], 0);
    detect(&server, "n");
}

#[test]
fn an_unload_waits_for_the_requests_that_are_there() {
    let server = Server::start(&[&model("n")]);
    let sent: Vec<_> = (0..6).map(|_| server.send("POST", "/v1/models/n/detect", &[], STREET)).collect();
    waits_until(|| line(&server, "n")["requests"] != 0);
    let freed = unload(&server, "n");
    assert_eq!(freed["residue"], 0);
    for answer in sent.into_iter().map(read) {
        // Those that came after the word are refused; none is lost.
        assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
    }
    assert_eq!(server.get("/v1/memory").json(200)["held"], 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_is_killed_costs_no_more_than_its_request() {
    let server = Server::start(&[&model("n"), "--isolate"]);
    detect(&server, "n");
    let worker = || line(&server, "n")["workers"][0].as_u64().expect("a process");
    let first = worker();
    let kill = |process: u64| {
        let killed = std::process::Command::new("kill").args(["-KILL", &process.to_string()]).status();
        assert!(killed.expect("kill").success());
    };
    kill(first);
    // It held no request: nobody notices.
    detect(&server, "n");
    let second = worker();
    assert_ne!(first, second);
    let trimmed = server.post("/v1/models/n/trim", b"").json(200);
    assert_eq!(trimmed["after"]["workspace"]["reserved"], 0);
    let freed = unload(&server, "n");
    assert_eq!(freed["residue"], 0);
    assert!(freed["released"].as_u64() > Some(10_000_000), "{freed}");
    assert!(!std::path::Path::new(&format!("/proc/{second}")).exists(), "the worker is still there");
}
