//! Which plugins are loaded from which folders.

use firebrick_core::registry::{Kind, LookupError};
use firebrick_host::load_all;

use crate::built::{Folder, fixture, template};

#[test]
fn an_earlier_folder_hides_a_plugin_of_the_same_name() {
    let (first, second) = (Folder::new(), Folder::new());
    let kept = first.copy(&template(), "libours.so");
    let hidden = second.copy(&template(), "libtheirs.so");
    let loaded = load_all(&[first.path(), second.path()]);
    assert_eq!(loaded.refused, Vec::new());
    assert_eq!(loaded.plugins.len(), 1);
    assert_eq!(loaded.plugins[0].file, kept);
    let note = format!(
        "plugin `firebrick-template` in `{}` hides `{}`",
        kept.display(),
        hidden.display()
    );
    assert_eq!(loaded.notes, [note]);
    assert!(loaded.registry.find(Kind::Strategy, "sweep").is_ok());
}

#[test]
fn one_folder_has_a_plugin_once() {
    let folder = Folder::new();
    folder.copy(&template(), "liba.so");
    let second = folder.copy(&template(), "libb.so");
    let loaded = load_all(&[folder.path()]);
    assert_eq!(loaded.plugins.len(), 1);
    let [refusal] = loaded.refused.as_slice() else {
        panic!("one file is refused: {:?}", loaded.refused);
    };
    assert_eq!(refusal.file, second);
    assert!(
        refusal
            .found
            .starts_with("plugin `firebrick-template` again")
    );
}

#[test]
fn one_file_found_twice_is_loaded_once() {
    let folder = Folder::new();
    let file = folder.copy(&template(), "liba.so");
    std::os::unix::fs::symlink(&file, folder.path().join("libb.so")).unwrap();
    let loaded = load_all(&[folder.path(), folder.path()]);
    assert_eq!(loaded.plugins.len(), 1);
    assert_eq!((loaded.refused.len(), loaded.notes.len()), (0, 0));
}

#[test]
fn two_plugins_with_one_item_name_need_the_plugin_name() {
    let folder = Folder::new();
    folder.copy(&template(), "libtemplate.so");
    folder.copy(&fixture("rival"), "librival.so");
    let loaded = load_all(&[folder.path()]);
    let error = loaded.registry.find(Kind::Strategy, "sweep").err().unwrap();
    assert!(matches!(&error, LookupError::Ambiguous { plugins, .. } if plugins.len() == 2));
    assert_eq!(error.hint(), "write `firebrick-template/sweep`");
    let theirs = loaded.registry.find(Kind::Strategy, "rival/sweep").unwrap();
    assert_eq!(theirs.plugin, "rival");
}

#[test]
fn a_bad_file_does_not_keep_the_others_out() {
    let folder = Folder::new();
    folder.copy(&template(), "libtemplate.so");
    folder.write("libbroken.so", b"not a library");
    folder.write("README.md", b"not even tried");
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    let missing = folder.path().join("missing");
    let loaded = load_all(&[missing, folder.path()]);
    assert_eq!(loaded.plugins.len(), 1);
    assert_eq!(loaded.refused.len(), 1);
}

#[test]
fn loading_again_gives_the_same_items() {
    let folder = Folder::new();
    folder.copy(&template(), "libtemplate.so");
    let first = load_all(&[folder.path()]);
    let second = load_all(&[folder.path()]);
    assert_eq!(first.plugins, second.plugins);
}
