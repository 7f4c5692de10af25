//! Every reason not to load a file, each with a real file. Whoever reads a passing run knows that
//! none of them ended the process.

use std::fs;
use std::path::Path;

use firebrick_host::{Refusal, check_file};

use crate::built::{Folder, fixture, set_mode, template};

/// Returns why a file is refused, with the message and the hint in one text.
fn refusal(path: &Path) -> String {
    match check_file(path) {
        Ok(report) => panic!("it was loaded: {:?}", report.plugin),
        Err(refusal) => shown(&refusal, path),
    }
}

fn shown(refusal: &Refusal, path: &Path) -> String {
    let text = format!("{refusal}\nhint: {}", refusal.hint);
    assert_eq!(text.lines().count(), 2, "one line and a hint: {text}");
    let name = path.file_name().unwrap().to_string_lossy();
    let folder = path.parent().unwrap().to_string_lossy();
    text.replace(&*path.to_string_lossy(), &format!("[dir]/{name}"))
        .replace(&*folder, "[dir]")
}

/// Replaces the rustc version, which differs from machine to machine.
fn without_rustc(text: &str) -> String {
    let start = text.find("rustc ").expect("it names the compiler");
    let end = start + text[start..].find("))").expect("it ends with its date") + 1;
    format!("{}[rustc]{}", &text[..start], &text[end..])
}

/// Returns the bytes of the template plugin, and where its descriptor starts.
fn descriptor() -> (Vec<u8>, usize) {
    let bytes = fs::read(template()).unwrap();
    let magic = b"firebrick plugin";
    let mut found = (0..bytes.len()).filter(|at| {
        // The words may be elsewhere too; the descriptor's size follows its own.
        bytes[*at..].starts_with(magic) && bytes[at + 16..].starts_with(&256_u32.to_ne_bytes())
    });
    let at = found.next().expect("the plugin has a descriptor");
    (bytes, at)
}

#[test]
fn refuses_what_is_no_library() {
    let folder = Folder::new();
    let text = folder.write("libnotes.so", b"#!/bin/sh\necho plugin\n");
    insta::assert_snapshot!(refusal(&text), @r"
    `[dir]/libnotes.so` is not loaded: not a shared library, expected a shared library for this machine
    hint: build the plugin on this machine; `firebrick plugin add CRATE` does
    ");
    let empty = folder.write("libempty.so", b"");
    insta::assert_snapshot!(refusal(&empty), @r"
    `[dir]/libempty.so` is not loaded: an empty file, expected a shared library for this machine
    hint: copy or build it again
    ");
    let windows = folder.write("libwindows.so", b"MZ\x90\x00");
    insta::assert_snapshot!(refusal(&windows), @r"
    `[dir]/libwindows.so` is not loaded: a file for Windows, expected a shared library for this machine
    hint: build the plugin on this machine; `firebrick plugin add CRATE` does
    ");
}

#[test]
fn refuses_a_folder_and_a_missing_file() {
    let folder = Folder::new();
    let inner = folder.path().join("libfolder.so");
    fs::create_dir(&inner).unwrap();
    insta::assert_snapshot!(refusal(&inner), @r"
    `[dir]/libfolder.so` is not loaded: it is a folder, expected a shared library
    hint: name the library itself, such as `libmine.so`
    ");
    insta::assert_snapshot!(refusal(&folder.path().join("libgone.so")), @r"
    `[dir]/libgone.so` is not loaded: there is no such file, expected a plugin
    hint: look at the path and its rights
    ");
    let link = folder.path().join("liblink.so");
    std::os::unix::fs::symlink(folder.path().join("libgone.so"), &link).unwrap();
    insta::assert_snapshot!(refusal(&link), @r"
    `[dir]/liblink.so` is not loaded: there is no such file, expected a plugin
    hint: look at the path and its rights
    ");
}

#[test]
fn refuses_a_library_of_another_machine() {
    let folder = Folder::new();
    let mut bytes = fs::read(template()).unwrap();
    let other: u16 = if cfg!(target_arch = "aarch64") {
        62
    } else {
        183
    };
    bytes[18..20].copy_from_slice(&other.to_ne_bytes());
    let file = folder.write("libother.so", &bytes);
    let text = refusal(&file);
    assert!(
        text.contains(&format!("an ELF file for machine {other}")),
        "{text}"
    );
    assert!(text.contains("hint: build the plugin on this machine"));
    let mut small = fs::read(template()).unwrap();
    small[4] = 1;
    let text = refusal(&folder.write("libsmall.so", &small));
    assert!(text.contains("not of 64 bits"), "{text}");
}

#[test]
fn refuses_a_truncated_library() {
    let folder = Folder::new();
    let bytes = fs::read(template()).unwrap();
    for length in [20, 63, 64, 200, 4096, bytes.len() / 2, bytes.len() - 1] {
        let file = folder.write("libshort.so", &bytes[..length]);
        let text = refusal(&file);
        assert!(text.contains("is not loaded: truncated: "), "{text}");
        assert!(text.ends_with("hint: copy or build it again"), "{text}");
    }
}

#[test]
fn refuses_a_library_without_a_descriptor() {
    let folder = Folder::new();
    let file = folder.copy(&fixture("plain"), "libplain.so");
    insta::assert_snapshot!(refusal(&file), @r"
    `[dir]/libplain.so` is not loaded: a shared library, but not a Firebrick plugin, expected what `export_plugin!()` makes
    hint: is `export_plugin!();` missing in its source?
    ");
}

#[test]
fn refuses_a_library_that_lacks_a_function() {
    let folder = Folder::new();
    let file = folder.copy(&fixture("lacking"), "liblacking.so");
    let text = refusal(&file);
    assert!(
        text.contains("firebrick_function_that_is_nowhere"),
        "{text}"
    );
}

#[test]
fn refuses_another_major_interface() {
    let folder = Folder::new();
    let (mut bytes, at) = descriptor();
    let major = at + 24;
    assert_eq!(bytes[major..major + 4], 1_u32.to_ne_bytes());
    bytes[major..major + 4].copy_from_slice(&2_u32.to_ne_bytes());
    let later = folder.write("liblater.so", &bytes);
    insta::assert_snapshot!(without_rustc(&refusal(&later)), @r"
    `[dir]/liblater.so` is not loaded: plugin `firebrick-template` 0.1.0 (interface 2.0, [rustc]), expected interface 1.x
    hint: update the program, or build the plugin with `firebrick-sdk` 1
    ");
    bytes[major..major + 4].copy_from_slice(&0_u32.to_ne_bytes());
    let earlier = folder.write("libearlier.so", &bytes);
    insta::assert_snapshot!(without_rustc(&refusal(&earlier)), @r"
    `[dir]/libearlier.so` is not loaded: plugin `firebrick-template` 0.1.0 (interface 0.0, [rustc]), expected interface 1.x
    hint: build the plugin again, with `firebrick-sdk` 1
    ");
}

#[test]
fn loads_a_later_minor_interface() {
    let folder = Folder::new();
    let (mut bytes, at) = descriptor();
    bytes[at + 28..at + 32].copy_from_slice(&7_u32.to_ne_bytes());
    let file = folder.write("libminor.so", &bytes);
    let report = check_file(&file).unwrap();
    assert_eq!(report.plugin.interface, "1.7");
    assert_eq!((report.broken.len(), report.remarks.len()), (0, 0));
}

#[test]
fn refuses_a_descriptor_that_is_too_small() {
    let folder = Folder::new();
    let (mut bytes, at) = descriptor();
    bytes[at + 16..at + 20].copy_from_slice(&24_u32.to_ne_bytes());
    let file = folder.write("libtiny.so", &bytes);
    let text = refusal(&file);
    assert!(text.contains("its descriptor has only 24 bytes"), "{text}");
}

#[test]
fn refuses_another_layout_in_one_line() {
    let folder = Folder::new();
    let file = folder.copy(&fixture("other_layout"), "libother_layout.so");
    insta::assert_snapshot!(without_rustc(&refusal(&file)), @r"
    `[dir]/libother_layout.so` is not loaded: plugin `other-layout` 0.1.0 (interface 1.0, [rustc]): its interface has another layout: mismatched type Expected: u8 Found: u16, expected interface 1.0
    hint: build it again with the `firebrick-sdk` of this program
    ");
}

#[test]
fn refuses_a_plugin_whose_panics_abort() {
    let folder = Folder::new();
    let file = folder.copy(&fixture("aborting"), "libaborting.so");
    insta::assert_snapshot!(without_rustc(&refusal(&file)), @r#"
    `[dir]/libaborting.so` is not loaded: plugin `aborting` 0.1.0 (interface 1.0, [rustc]) was built with `panic = "abort"`, expected a plugin whose panics can be caught
    hint: remove `panic = "abort"` from its build profile and build it again
    "#);
}

#[test]
fn refuses_a_plugin_that_panics_when_it_is_started() {
    let folder = Folder::new();
    let file = folder.copy(&fixture("failing_start"), "libfailing_start.so");
    insta::assert_snapshot!(refusal(&file), @r"
    `[dir]/libfailing_start.so` is not loaded: plugin `failing-start` 0.1.0: panicked at src/lib.rs:1:1: boom in init, expected a plugin that starts
    hint: report it to the author of the plugin
    ");
}

#[test]
fn refuses_a_plugin_that_panics_when_asked_for_its_items() {
    let folder = Folder::new();
    let file = folder.copy(&fixture("undescribable"), "libundescribable.so");
    insta::assert_snapshot!(refusal(&file), @r"
    `[dir]/libundescribable.so` is not loaded: plugin `undescribable` 0.1.0: panicked at undescribable/src/lib.rs:16:9: no words for it, expected a plugin that starts
    hint: report it to the author of the plugin
    ");
}

#[test]
fn refuses_what_others_can_change() {
    let folder = Folder::new();
    let file = folder.copy(&template(), "libmine.so");
    set_mode(&file, 0o666);
    insta::assert_snapshot!(refusal(&file), @r"
    `[dir]/libmine.so` is not loaded: can be changed by others (mode 666), expected a plugin that only its owner can change
    hint: if you trust it: `chmod go-w [dir]/libmine.so`
    ");
    set_mode(&file, 0o775);
    assert!(refusal(&file).contains("mode 775"));
    set_mode(&file, 0o755);
    set_mode(&folder.path(), 0o777);
    insta::assert_snapshot!(refusal(&file), @r"
    `[dir]/libmine.so` is not loaded: its folder can be changed by others (mode 777), expected a plugin that only its owner can change
    hint: if you trust it: `chmod go-w [dir]`
    ");
    // Sticky: others can put files of their own there, and nothing else.
    set_mode(&folder.path(), 0o1777);
    assert!(check_file(&file).is_ok());
}

#[test]
fn a_link_counts_as_what_it_points_to() {
    let (folder, open) = (Folder::new(), Folder::new());
    let file = folder.copy(&template(), "libmine.so");
    let link = open.path().join("liblink.so");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert!(check_file(&link).is_ok());
    set_mode(&file, 0o757);
    assert!(refusal(&link).contains("can be changed by others"));
}

#[test]
fn refuses_what_belongs_to_another_user() {
    let folder = Folder::new();
    let file = folder.copy(&template(), "libtheirs.so");
    // Only root can give files away; as another user there is no such file to be made.
    if std::os::unix::fs::chown(&file, Some(12345), None).is_ok() {
        let text = refusal(&file);
        assert!(text.contains("belongs to user 12345"), "{text}");
    }
}
