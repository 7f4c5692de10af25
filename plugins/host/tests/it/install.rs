//! Putting a plugin into a folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use firebrick_host::{InstallError, install, load_all};

use crate::built::{Folder, set_mode, template};

#[test]
fn an_installed_plugin_is_found() {
    let folder = Folder::new();
    let plugins = folder.path().join("share").join("plugins");
    let original = folder.copy(&template(), "libtemplate.so");
    // What a umask of others would leave, and the host would refuse.
    set_mode(&original, 0o775);
    let installed = install(&original, &plugins).unwrap();
    assert_eq!(installed, plugins.join("libtemplate.so"));
    let mode = installed.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(load_all(&[plugins]).plugins.len(), 1);
}

#[test]
fn installing_again_leaves_the_loaded_file_alone() {
    let folder = Folder::new();
    let plugins = folder.path().join("plugins");
    let original = folder.copy(&template(), "libtemplate.so");
    let installed = install(&original, &plugins).unwrap();
    let open = fs::File::open(&installed).unwrap();
    let shorter = folder.write("libtemplate.so", &fs::read(&installed).unwrap());
    install(&shorter, &plugins).unwrap();
    let before = open.metadata().unwrap();
    let after = installed.metadata().unwrap();
    use std::os::unix::fs::MetadataExt;
    assert_ne!(before.ino(), after.ino(), "the new file is another one");
    assert_eq!(fs::read_dir(&plugins).unwrap().count(), 1);
}

#[test]
fn nothing_is_left_where_a_plugin_would_be_refused() {
    let folder = Folder::new();
    let broken = folder.write("libbroken.so", b"not a library");
    let plugins = folder.path().join("plugins");
    let error = install(&broken, &plugins).unwrap_err();
    let InstallError::Refused(refusal) = error else {
        panic!("{error}");
    };
    assert_eq!(refusal.file, plugins.join("libbroken.so"));
    assert_eq!(fs::read_dir(&plugins).unwrap().count(), 0);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let folder = Folder::new();
    let file = folder.copy(&template(), "libtemplate.so");
    let error = install(&file, &file.join("plugins")).unwrap_err();
    assert!(error.to_string().starts_with("can't make `"), "{error}");
}
