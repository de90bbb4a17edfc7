//! What becomes of names: pictures in order, and for what is not to be had an error of a kind in its place.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use image::{Frame, Rgb, RgbImage, Rgba, RgbaImage, codecs::gif::GifEncoder};
use tempfile::TempDir;
use yolov10_media::{Depth, Error, Item, Patience, Sources};
use yolov10_model::picture::Budget;

/// A folder with `a.png` and `b.jpg`, four pixels wide, and `broken.png`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["a.png", "b.jpg"] {
        let picture = RgbImage::from_pixel(4, 3, Rgb([90; 3]));
        picture.save(folder.path().join(name)).expect("a picture");
    }
    fs::write(folder.path().join("broken.png"), "no picture").expect("a file");
    folder
}

fn names(sources: Sources, folder: &Path) -> Vec<(PathBuf, bool)> {
    let outcome = |Item { about, value }: Item<RgbImage>| {
        let path = Path::new(&about.name).strip_prefix(folder).map(Path::to_owned);
        (path.expect("a name in the folder"), value.is_ok())
    };
    sources.pictures().map(outcome).collect()
}

#[test]
fn a_folder_is_its_pictures_by_name_and_a_broken_one_stays_in_its_place() {
    let folder = folder();
    let sources = Sources::expand([folder.path()], Depth::Folder);
    assert_eq!(sources.len(), 3);
    let expected = [("a.png", true), ("b.jpg", true), ("broken.png", false)];
    assert_eq!(names(sources, folder.path()), expected.map(|(name, is_sound)| (PathBuf::from(name), is_sound)));
}

#[test]
fn what_is_not_to_be_had_is_an_error_of_a_kind() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("empty")).expect("a folder");
    fs::write(path("empty.txt"), "# nothing\n").expect("a list");
    fs::write(path("nested.txt"), "empty.txt\n").expect("a list");
    fs::write(path("latin1.txt"), b"caf\xe9.jpg\n").expect("a list");
    let error = |name: &str| {
        let mut pictures = Sources::expand([path(name)], Depth::Folder).pictures();
        let only = pictures.next().expect("an item");
        assert!(pictures.next().is_none(), "{name}");
        only.value.expect_err(name)
    };
    assert!(matches!(error("none.jpg"), Error::NotFound));
    assert!(matches!(error("empty"), Error::EmptyFolder { .. }));
    assert!(matches!(error("*.bmp"), Error::NoMatch));
    assert!(matches!(error("a***"), Error::Pattern { .. }));
    assert!(matches!(error("empty.txt"), Error::EmptyList));
    assert!(matches!(error("nested.txt"), Error::NestedList));
    assert!(matches!(error("latin1.txt"), Error::NotAList { .. }));
    assert!(matches!(error("broken.png"), Error::Picture(_)));
}

#[test]
fn of_an_animation_every_nth_frame_is_taken_and_keeps_its_number() {
    let folder = folder();
    let path = folder.path().join("moving.gif");
    let mut encoder = GifEncoder::new(fs::File::create(&path).expect("a file"));
    let frame = |level| Frame::new(RgbaImage::from_pixel(4, 3, Rgba([level, level, level, 255])));
    encoder.encode_frames([0, 60, 120, 180, 240].map(frame)).expect("a GIF");
    drop(encoder);
    let two = NonZeroUsize::new(2).expect("two is not zero");
    let levels: Vec<_> = Sources::expand([&path], Depth::Folder)
        .every(two)
        .pictures()
        .map(|item| {
            let number = item.about.frame.expect("a frame").number;
            (number, item.value.expect("a picture").get_pixel(0, 0).0[0])
        })
        .collect();
    assert_eq!(levels, [(1, 0), (3, 120), (5, 240)]);
}

#[test]
fn a_picture_in_memory_goes_by_the_name_it_is_given() {
    let folder = folder();
    let bytes = fs::read(folder.path().join("a.png")).expect("a file");
    let items: Vec<_> = Sources::picture("mine.png", bytes).pictures().collect();
    let [item] = &items[..] else {
        panic!("one picture, found {}", items.len());
    };
    assert_eq!((&*item.about.name, &*item.about.stem), ("mine.png", "mine"));
    assert_eq!(item.value.as_ref().expect("a picture").dimensions(), (4, 3));
}

#[cfg(unix)]
#[test]
fn links_that_lead_back_end_a_recursive_search_and_a_pattern() {
    let folder = folder();
    fs::remove_file(folder.path().join("broken.png")).expect("it was there");
    fs::create_dir(folder.path().join("deeper")).expect("a folder");
    fs::copy(folder.path().join("a.png"), folder.path().join("deeper/c.png")).expect("a copy");
    for (target, link) in [(".", "again"), ("..", "deeper/up")] {
        std::os::unix::fs::symlink(target, folder.path().join(link)).expect("a link");
    }
    let expected = ["a.png", "b.jpg", "deeper/c.png"].map(|name| (PathBuf::from(name), true));
    let recursive = Sources::expand([folder.path()], Depth::Everything);
    assert_eq!(names(recursive, folder.path()), expected);
    let pattern = Sources::expand([folder.path().join("**/*")], Depth::Folder);
    assert_eq!(names(pattern, folder.path()), expected);
    let deeper = Sources::expand([folder.path().join("**/c.*")], Depth::Folder);
    assert_eq!(names(deeper, folder.path()), [(PathBuf::from("deeper/c.png"), true)]);
}

#[test]
fn a_list_with_a_byte_order_mark_loses_nothing() {
    let folder = folder();
    let list = folder.path().join("list.txt");
    fs::write(&list, b"\xef\xbb\xbfa.png\r\nb.jpg\r\n").expect("a list");
    let expected = ["a.png", "b.jpg"].map(|name| (PathBuf::from(name), true));
    assert_eq!(names(Sources::expand([&list], Depth::Folder), folder.path()), expected);
    fs::write(&list, b"\xff\xfea\0").expect("a list");
    let item = Sources::expand([&list], Depth::Folder).pictures().next().expect("an item");
    assert!(item.value.expect_err("UTF-16").to_string().contains("UTF-16"));
}

#[test]
fn a_cancelled_search_gives_nothing_more() {
    let folder = folder();
    let patience = Patience::default();
    let cancel = patience.cancel.clone();
    let mut pictures = Sources::expand([folder.path()], Depth::Folder).waiting(patience).pictures();
    assert!(pictures.next().is_some());
    assert!(!cancel.cancel() && cancel.cancel());
    assert!(pictures.next().is_none());
}

#[test]
fn a_budget_holds_for_stills_and_animations() {
    let folder = folder();
    let path = folder.path().join("moving.gif");
    let mut encoder = GifEncoder::new(fs::File::create(&path).expect("a file"));
    let frame = |level| Frame::new(RgbaImage::from_pixel(40, 30, Rgba([level, level, level, 255])));
    encoder.encode_frames([0, 60].map(frame)).expect("a GIF");
    drop(encoder);
    RgbImage::new(40, 30).save(folder.path().join("a.png")).expect("a picture");
    for name in ["moving.gif", "a.png"] {
        for (pixels, is_read) in [(1199, false), (1200, true)] {
            let budget = Budget { pixels, ..Budget::default() };
            let sources = Sources::expand([folder.path().join(name)], Depth::Folder).within(budget);
            let first = sources.pictures().next().expect("an item");
            assert_eq!(first.value.is_ok(), is_read, "{name} within {pixels} pixels: {:?}", first.value.err());
        }
    }
}
