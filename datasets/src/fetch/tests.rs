use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::offers::Offer;
use super::*;

/// How the server behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    /// Answers ranges with 206 and 416.
    Ranges,
    /// Answers every request with the whole file.
    NoRanges,
    /// Closes the connection after so many bytes of the body.
    StopsAfter(usize),
    /// Says nothing after so many bytes of the body, until the client gives up.
    HangsAfter(usize),
    /// Answers a range with the wrong one.
    WrongRange,
    /// Has no file.
    NotFound,
}

/// A server on loopback that has one file, and OpenML's description of it.
struct Server {
    source: Source,
    requests: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
    address: std::net::SocketAddr,
}

impl Server {
    fn start(file: &[u8], md5: &str, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let thread = std::thread::spawn({
            let (file, md5, requests) = (file.to_vec(), md5.to_owned(), Arc::clone(&requests));
            move || {
                // A request for `/stop` ends the thread; a test that fails drops the server too.
                while let Ok((stream, _)) = listener.accept() {
                    if !answer(stream, address, &file, &md5, manner, &requests) {
                        return;
                    }
                }
            }
        });
        let source = source(address, Duration::from_millis(500));
        Self {
            source,
            requests,
            thread: Some(thread),
            address,
        }
    }

    fn fetch(&self, into: &Path) -> Result<PathBuf, FetchError> {
        fetch_from(&self.source, "jsc", into, &mut |_, _| {})
    }

    /// Returns an error as a user would read it, the port left out.
    fn message(&self, error: &FetchError) -> String {
        let hint = error.hint().unwrap_or_default();
        let text = format!("error: {error}\nhint: {hint}");
        text.replace(&self.address.to_string(), "HOST")
    }

    /// Returns what was asked for the file: the ranges, or `-`.
    fn ranges(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let _ = stream.write_all(b"GET /stop HTTP/1.1\r\n\r\n");
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Returns a source that asks OpenML at an address, and has `cifar10` there in two files.
fn source(address: std::net::SocketAddr, patience: Duration) -> Source {
    let published = |file: &str| Published {
        file: file.to_owned(),
        url: format!("http://{address}/{file}"),
        md5: Some(md5_hex(&contents()).to_lowercase()),
        page: "https://the.page/of/it",
    };
    let offer = |name, files| Offer {
        name,
        page: "https://www.openml.org/d/42468",
        files,
    };
    Source {
        offers: vec![
            offer(
                "jsc",
                Files::OpenMl {
                    url: format!("http://{address}/api/data/42468"),
                    file: "jsc.arff".to_owned(),
                },
            ),
            offer(
                "cifar10",
                Files::Listed(vec![published("one.bin"), published("two.bin")]),
            ),
        ],
        patience,
        is_loopback: true,
    }
}

/// Answers one request; returns whether to go on.
fn answer(
    mut stream: TcpStream,
    address: std::net::SocketAddr,
    file: &[u8],
    md5: &str,
    manner: Manner,
    requests: &Mutex<Vec<String>>,
) -> bool {
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut path = String::new();
    let mut range = None;
    for line in reader.by_ref().lines().map_while(Result::ok) {
        if let Some(rest) = line.strip_prefix("GET ") {
            path = rest.split(' ').next().unwrap().to_owned();
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("range")
        {
            range = Some(value.to_owned());
        }
        if line.is_empty() {
            break;
        }
    }
    let mut send = |status: &str, headers: &str, length: usize, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(body);
        let _ = stream.flush();
    };
    match path.as_str() {
        "/stop" => return false,
        "/api/data/42468" => {
            let answer = format!(
                r#"{{"data_set_description":{{"url":"http://{address}/file","md5_checksum":"{md5}"}}}}"#
            );
            send("200 OK", "", answer.len(), answer.as_bytes());
            return true;
        }
        _ => {}
    }
    requests
        .lock()
        .unwrap()
        .push(range.clone().unwrap_or("-".to_owned()));
    let start: Option<usize> = range.map(|range| {
        let start = range
            .strip_prefix("bytes=")
            .unwrap()
            .strip_suffix('-')
            .unwrap();
        start.parse().unwrap()
    });
    let ends_at = match manner {
        Manner::StopsAfter(n) | Manner::HangsAfter(n) => n,
        _ => file.len(),
    };
    match (manner, start) {
        (Manner::NotFound, _) => send("404 Not Found", "", 0, b""),
        (Manner::WrongRange, Some(_)) => send(
            "206 Partial Content",
            &format!(
                "Content-Range: bytes 1-{}/{}\r\n",
                file.len() - 1,
                file.len()
            ),
            file.len() - 1,
            &file[1..],
        ),
        (Manner::NoRanges, _) | (_, None) => send("200 OK", "", file.len(), &file[..ends_at]),
        (_, Some(start)) if start >= file.len() => send(
            "416 Range Not Satisfiable",
            &format!("Content-Range: bytes */{}\r\n", file.len()),
            0,
            b"",
        ),
        (_, Some(start)) => send(
            "206 Partial Content",
            &format!(
                "Content-Range: bytes {start}-{}/{}\r\n",
                file.len() - 1,
                file.len()
            ),
            file.len() - start,
            &file[start..],
        ),
    }
    if let Manner::HangsAfter(_) = manner {
        // Returns when the client closes the connection.
        let _ = reader.read(&mut [0]);
    }
    true
}

/// More than the buffers of two sockets, so that a hang is seen as one.
fn contents() -> Vec<u8> {
    (0..1_000_000_u32).map(|n| (n % 251) as u8).collect()
}

fn md5_hex(bytes: &[u8]) -> String {
    let digest = Md5::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn server(manner: Manner) -> Server {
    Server::start(&contents(), &md5_hex(&contents()), manner)
}

fn part(into: &Path) -> PathBuf {
    into.join("jsc/jsc.arff.part")
}

fn write_part(into: &Path, bytes: &[u8]) {
    fs::create_dir_all(into.join("jsc")).unwrap();
    fs::write(part(into), bytes).unwrap();
}

#[test]
fn downloads_a_whole_file_and_tells_how_far_it_is() {
    let server = server(Manner::Ranges);
    let into = tempfile::tempdir().unwrap();
    let mut heard = Vec::new();
    let file = fetch_from(&server.source, "jsc", into.path(), &mut |done, total| {
        heard.push((done, total));
    })
    .unwrap();
    assert_eq!(file, into.path().join("jsc/jsc.arff"));
    assert_eq!(fs::read(&file).unwrap(), contents());
    assert!(!part(into.path()).exists());
    assert_eq!(heard[0], (0, Some(1_000_000)));
    assert_eq!(heard.last(), Some(&(1_000_000, Some(1_000_000))));
    assert!(heard.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn does_not_download_what_is_there() {
    let server = server(Manner::Ranges);
    let into = tempfile::tempdir().unwrap();
    server.fetch(into.path()).unwrap();
    server.fetch(into.path()).unwrap();
    assert_eq!(server.ranges(), ["-"]);
}

#[test]
fn replaces_a_file_with_another_checksum() {
    let server = server(Manner::Ranges);
    let into = tempfile::tempdir().unwrap();
    fs::create_dir_all(into.path().join("jsc")).unwrap();
    fs::write(into.path().join("jsc/jsc.arff"), "damaged").unwrap();
    let file = server.fetch(into.path()).unwrap();
    assert_eq!(fs::read(file).unwrap(), contents());
}

#[test]
fn goes_on_where_a_broken_connection_stopped() {
    let into = tempfile::tempdir().unwrap();
    let error = {
        let server = server(Manner::StopsAfter(400_000));
        let error = server.fetch(into.path()).unwrap_err();
        assert!(!into.path().join("jsc/jsc.arff").exists());
        error
    };
    assert!(
        matches!(
            error,
            FetchError::Interrupted {
                done: 400_000,
                total: Some(1_000_000),
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(fs::metadata(part(into.path())).unwrap().len(), 400_000);
    assert_eq!(
        error.hint().unwrap(),
        "the same command goes on where it stopped"
    );
    let message = error.to_string();
    assert!(
        message.starts_with("the download stopped at 400000 of 1000000 bytes: "),
        "{message}"
    );

    let server = server(Manner::Ranges);
    let file = server.fetch(into.path()).unwrap();
    assert_eq!(server.ranges(), ["bytes=400000-"]);
    assert_eq!(fs::read(file).unwrap(), contents());
}

#[test]
fn gives_up_on_a_server_that_says_nothing() {
    let server = server(Manner::HangsAfter(100_000));
    let into = tempfile::tempdir().unwrap();
    let error = server.fetch(into.path()).unwrap_err();
    assert!(
        matches!(error, FetchError::Interrupted { done: 100_000, .. }),
        "{error:?}"
    );
}

#[test]
fn starts_over_where_the_server_knows_no_ranges() {
    let server = server(Manner::NoRanges);
    let into = tempfile::tempdir().unwrap();
    write_part(into.path(), &contents()[..1000]);
    let file = server.fetch(into.path()).unwrap();
    assert_eq!(server.ranges(), ["bytes=1000-"]);
    assert_eq!(fs::read(file).unwrap(), contents());
}

#[test]
fn finishes_a_download_that_lacked_only_its_name() {
    let server = server(Manner::Ranges);
    let into = tempfile::tempdir().unwrap();
    write_part(into.path(), &contents());
    let file = server.fetch(into.path()).unwrap();
    assert_eq!(server.ranges(), ["bytes=1000000-"]);
    assert_eq!(fs::read(file).unwrap(), contents());
}

#[test]
fn starts_over_if_more_is_here_than_there() {
    let server = server(Manner::Ranges);
    let into = tempfile::tempdir().unwrap();
    write_part(into.path(), &vec![7; 2_000_000]);
    let file = server.fetch(into.path()).unwrap();
    assert_eq!(server.ranges(), ["bytes=2000000-", "-"]);
    assert_eq!(fs::read(file).unwrap(), contents());
}

#[test]
fn deletes_what_has_the_wrong_checksum() {
    let server = Server::start(&contents(), &"0".repeat(32), Manner::Ranges);
    let into = tempfile::tempdir().unwrap();
    let error = server.fetch(into.path()).unwrap_err();
    assert!(!part(into.path()).exists());
    assert!(!into.path().join("jsc/jsc.arff").exists());
    insta::assert_snapshot!(server.message(&error), @r"
    error: http://HOST/file gave a file with MD5 35efddb2811ce9ecbdfa17f18472e604, expected 00000000000000000000000000000000; it was deleted
    hint: the same command starts over
    ");
}

#[test]
fn downloads_without_a_checksum_from_the_beginning() {
    let server = Server::start(&contents(), "", Manner::Ranges);
    let into = tempfile::tempdir().unwrap();
    write_part(into.path(), b"of another version");
    let file = server.fetch(into.path()).unwrap();
    assert_eq!(server.ranges(), ["-"]);
    assert_eq!(fs::read(file).unwrap(), contents());
}

#[test]
fn says_the_status_of_a_file_that_is_not_there() {
    let server = server(Manner::NotFound);
    let into = tempfile::tempdir().unwrap();
    let error = server.fetch(into.path()).unwrap_err();
    insta::assert_snapshot!(server.message(&error), @r"
    error: http://HOST/file answers with status 404
    hint: try again later, or download it by hand from https://www.openml.org/d/42468 and give it with `--data FILE`
    ");
}

#[test]
fn refuses_another_range_than_it_asked_for() {
    let server = server(Manner::WrongRange);
    let into = tempfile::tempdir().unwrap();
    write_part(into.path(), &contents()[..1000]);
    let error = server.fetch(into.path()).unwrap_err();
    assert_eq!(fs::metadata(part(into.path())).unwrap().len(), 1000);
    insta::assert_snapshot!(server.message(&error), @r"
    error: cannot use the answer of http://HOST/file: it is another range than the one that was asked for
    hint: try again later, or download it by hand from https://www.openml.org/d/42468 and give it with `--data FILE`
    ");
}

#[test]
fn refuses_a_checksum_that_is_none() {
    let server = Server::start(&contents(), "abc", Manner::Ranges);
    let into = tempfile::tempdir().unwrap();
    let error = server.fetch(into.path()).unwrap_err();
    insta::assert_snapshot!(server.message(&error), @r"
    error: cannot use the answer of http://HOST/api/data/42468: its checksum is not an MD5
    hint: try again later, or download it by hand from https://www.openml.org/d/42468 and give it with `--data FILE`
    ");
}

#[test]
fn says_that_nobody_answers() {
    // Bound and closed again: the port is free, so the connection is refused.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let source = source(address, Duration::from_secs(1));
    let into = tempfile::tempdir().unwrap();
    let error = fetch_from(&source, "jsc", into.path(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, FetchError::NoAnswer { .. }), "{error:?}");
    assert_eq!(fs::read_dir(into.path()).unwrap().count(), 0);
}

#[test]
fn fetches_nothing_that_is_generated_or_unknown() {
    let into = tempfile::tempdir().unwrap();
    let error = |name| {
        fetch(name, into.path(), &mut |_, _| {})
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(error("jets-sim"), @"dataset `jets-sim` is generated, there is nothing to fetch");
    insta::assert_snapshot!(error("shapes10"), @"dataset `shapes10` is generated, there is nothing to fetch");
    insta::assert_snapshot!(error("imagenet"), @"unknown dataset `imagenet`");
}

#[test]
fn says_which_folder_cannot_be_written() {
    let server = server(Manner::Ranges);
    let into = tempfile::tempdir().unwrap();
    fs::write(into.path().join("jsc"), "a file where the folder should be").unwrap();
    let error = server.fetch(into.path()).unwrap_err();
    assert!(
        matches!(&error, FetchError::Write { path, .. } if *path == into.path().join("jsc")),
        "{error:?}"
    );
}

#[test]
fn downloads_every_file_of_a_data_set_that_is_not_there() {
    let server = server(Manner::Ranges);
    let into = tempfile::tempdir().unwrap();
    let fetch = || fetch_from(&server.source, "cifar10", into.path(), &mut |_, _| {});
    let folder = fetch().unwrap();
    assert_eq!(folder, into.path().join("cifar10"));
    assert_eq!(fs::read(folder.join("one.bin")).unwrap(), contents());
    assert_eq!(fs::read(folder.join("two.bin")).unwrap(), contents());
    assert_eq!(server.ranges(), ["-", "-"]);
    fs::write(folder.join("two.bin"), "damaged").unwrap();
    fs::write(folder.join("two.bin.part"), &contents()[..1000]).unwrap();
    fetch().unwrap();
    assert_eq!(server.ranges(), ["-", "-", "bytes=1000-"]);
    assert_eq!(fs::read(folder.join("two.bin")).unwrap(), contents());
}

#[test]
fn refuses_pictures_with_another_checksum_than_the_known_one() {
    let server = Server::start(b"<html>moved</html>", "", Manner::Ranges);
    let into = tempfile::tempdir().unwrap();
    let fetched = fetch_from(&server.source, "cifar10", into.path(), &mut |_, _| {});
    insta::assert_snapshot!(server.message(&fetched.unwrap_err()), @r"
    error: http://HOST/one.bin gave a file with MD5 5473e78119838cb7980c607075888ce4, expected 35efddb2811ce9ecbdfa17f18472e604; it was deleted
    hint: the same command starts over
    ");
    assert_eq!(
        fs::read_dir(into.path().join("cifar10")).unwrap().count(),
        0
    );
}

#[test]
fn offers_what_is_said_to_be_fetchable() {
    let official = Source::official();
    let mut offered: Vec<&str> = official.offers.iter().map(|offer| offer.name).collect();
    let known = crate::known();
    let fetchable = known.iter().filter(|known| known.fetchable);
    let mut fetchable: Vec<&str> = fetchable.map(|known| known.name).collect();
    offered.sort_unstable();
    fetchable.sort_unstable();
    assert_eq!(offered, fetchable);
    for offer in &official.offers {
        if let Files::Listed(files) = &offer.files {
            for file in files {
                let md5 = file.md5.as_deref().unwrap();
                assert!(md5.len() == 32 && md5.bytes().all(|byte| byte.is_ascii_hexdigit()));
                assert!(
                    file.url.ends_with(&format!("/{}", file.file)),
                    "{}",
                    file.url
                );
            }
        }
    }
}
