//! What becomes of names: pictures in order, and for what is not to be had an error of a kind in its place.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use image::{Frame, Rgb, RgbImage, Rgba, RgbaImage, codecs::gif::GifEncoder};
use tempfile::TempDir;
use yolov10_media::{Depth, Error, Item, Sources};

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
fn of_an_animation_every_nth_frame_is_taken_the_first_one_included() {
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
    assert_eq!(levels, [(1, 0), (2, 120), (3, 240)]);
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
