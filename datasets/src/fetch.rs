//! Downloads data sets from where they are published.
//!
//! What has arrived is kept in a file `.part` beside the target, so that an interrupted download
//! goes on where it stopped. The target appears only when it is whole and its checksum is right.

mod error;
mod offers;

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use serde_json::Value;
use ureq::http::{Response, header};
use ureq::{Agent, Body};

pub use error::FetchError;
use error::{read_error, write_error};
pub(crate) use offers::Source;
use offers::{Files, Published};

/// Downloads a data set into the folder `NAME` of a data folder; returns the file, or the folder
/// where the data set has several.
///
/// A file that is there already, with the checksum that is published, is not downloaded again.
/// `progress` hears of each file in turn how many bytes have arrived, and how many there are where
/// the server says so.
///
/// # Errors
/// [`FetchError`]; what has arrived is kept unless it is wrong.
pub fn fetch(
    name: &str,
    into: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<PathBuf, FetchError> {
    fetch_from(&Source::official(), name, into, progress)
}

/// Downloads a data set as [`fetch`] does, from another source.
///
/// # Errors
/// [`FetchError`]; what has arrived is kept unless it is wrong.
pub(crate) fn fetch_from(
    source: &Source,
    name: &str,
    into: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<PathBuf, FetchError> {
    let Some(offer) = source.offers.iter().find(|offer| offer.name == name) else {
        let name = name.to_owned();
        return Err(
            match crate::known().iter().any(|known| known.name == name) {
                true => FetchError::Generated { name },
                false => FetchError::UnknownDataset { name },
            },
        );
    };
    let agent = agent(source);
    let files = match &offer.files {
        Files::OpenMl { url, file } => vec![published(&agent, url, file, offer.page)?],
        Files::Listed(files) => files.clone(),
    };
    let folder = into.join(name);
    fs::create_dir_all(&folder).map_err(|error| write_error(&folder, &error))?;
    for file in &files {
        fetch_file(&agent, file, &folder, progress)?;
    }
    match files.as_slice() {
        [file] => Ok(folder.join(&file.file)),
        _ => Ok(folder),
    }
}

/// Downloads one file into a folder, unless it is there.
fn fetch_file(
    agent: &Agent,
    published: &Published,
    folder: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), FetchError> {
    let target = folder.join(&published.file);
    if target.is_file() && is_published(&target, published)? {
        let n_bytes = fs::metadata(&target)
            .map_err(|error| read_error(&target, &error))?
            .len();
        progress(n_bytes, Some(n_bytes));
        return Ok(());
    }
    let part = folder.join(format!("{}.part", published.file));
    download(agent, published, &part, progress)?;
    if !is_published(&part, published)? {
        let found = md5_of(&part)?;
        fs::remove_file(&part).map_err(|error| write_error(&part, &error))?;
        return Err(FetchError::Checksum {
            url: published.url.clone(),
            expected: published.md5.clone().unwrap_or_default(),
            found,
        });
    }
    fs::rename(&part, &target).map_err(|error| write_error(&target, &error))
}

fn agent(source: &Source) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .user_agent("firebrick")
        // Ranges count the bytes as they are sent, so they must be those of the file.
        .accept_encoding("identity")
        .timeout_connect(Some(source.patience))
        .timeout_recv_response(Some(source.patience))
        .timeout_per_read(Some(source.patience));
    if source.is_loopback {
        // A proxy's loopback is not ours.
        config = config.proxy(None);
    }
    config.build().into()
}

/// Asks OpenML where a file is, and for its checksum.
fn published(
    agent: &Agent,
    url: &str,
    file: &str,
    page: &'static str,
) -> Result<Published, FetchError> {
    let description = Published {
        file: file.to_owned(),
        url: url.to_owned(),
        md5: None,
        page,
    };
    let bad_answer = |what: &str| bad_answer(&description, what);
    let mut response = get(agent, &description, 0)?;
    if response.status() != 200 {
        return Err(status_error(&description, &response));
    }
    let body = response
        .body_mut()
        .with_config()
        .limit(1 << 20)
        .read_to_string()
        .map_err(|error| bad_answer(&error.to_string()))?;
    let answer: Value = serde_json::from_str(&body).map_err(|_| bad_answer("it is not JSON"))?;
    let field = |name| {
        answer["data_set_description"][name]
            .as_str()
            .unwrap_or_default()
    };
    let file_url = field("url");
    if !file_url.starts_with("https://") && !file_url.starts_with("http://") {
        return Err(bad_answer("it has no address of a file"));
    }
    let md5 = field("md5_checksum").trim().to_ascii_lowercase();
    if !md5.is_empty() && (md5.len() != 32 || !md5.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err(bad_answer("its checksum is not an MD5"));
    }
    Ok(Published {
        url: file_url.to_owned(),
        md5: (!md5.is_empty()).then_some(md5),
        ..description
    })
}

/// Downloads a file, from where an earlier download stopped.
fn download(
    agent: &Agent,
    published: &Published,
    part: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), FetchError> {
    let write_error = |error: io::Error| write_error(part, &error);
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(part)
        .map_err(write_error)?;
    // Without a checksum nobody would notice that the two halves are of two versions.
    let have = match published.md5 {
        Some(_) => file.metadata().map_err(write_error)?.len(),
        None => 0,
    };
    let mut response = get(agent, published, have)?;
    if have > 0 && response.status() == 416 {
        // Nothing is left, or what is here is no beginning of the file: the checksum tells.
        if content_range(&response).is_some_and(|range| range.total == Some(have)) {
            progress(have, Some(have));
            return Ok(());
        }
        response = get(agent, published, 0)?;
    }
    let (start, total) = match response.status().as_u16() {
        200 => (0, content_length(&response)),
        206 => match content_range(&response) {
            Some(range) if range.start == Some(have) => {
                let rest = content_length(&response);
                (have, range.total.or(rest.map(|rest| have + rest)))
            }
            _ => {
                let what = "it is another range than the one that was asked for";
                return Err(bad_answer(published, what));
            }
        },
        _ => return Err(status_error(published, &response)),
    };
    file.set_len(start).map_err(write_error)?;
    file.seek(SeekFrom::Start(start)).map_err(write_error)?;

    let mut done = start;
    let mut reader = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 16];
    let interrupted = |done, reason: String| FetchError::Interrupted {
        part: part.to_owned(),
        done,
        total,
        reason,
    };
    progress(done, total);
    loop {
        let n_bytes = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n_bytes) => n_bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(interrupted(done, error.to_string())),
        };
        file.write_all(&buffer[..n_bytes]).map_err(write_error)?;
        done += n_bytes as u64;
        progress(done, total);
    }
    if total.is_some_and(|total| done < total) {
        return Err(interrupted(done, "the connection was closed".to_owned()));
    }
    file.sync_all().map_err(write_error)
}

fn get(agent: &Agent, file: &Published, start: u64) -> Result<Response<Body>, FetchError> {
    let mut request = agent.get(&file.url);
    if start > 0 {
        request = request.header(header::RANGE, format!("bytes={start}-"));
    }
    request.call().map_err(|error| FetchError::NoAnswer {
        url: file.url.clone(),
        page: file.page,
        reason: error.to_string(),
    })
}

fn content_length(response: &Response<Body>) -> Option<u64> {
    let length = response.headers().get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.trim().parse().ok()
}

/// What `Content-Range: bytes START-END/TOTAL` says; both may be unknown.
struct ContentRange {
    start: Option<u64>,
    total: Option<u64>,
}

fn content_range(response: &Response<Body>) -> Option<ContentRange> {
    let range = response.headers().get(header::CONTENT_RANGE)?;
    let (range, total) = range
        .to_str()
        .ok()?
        .strip_prefix("bytes ")?
        .split_once('/')?;
    let start = range.split_once('-').map(|(start, _)| start);
    Some(ContentRange {
        start: start.and_then(|start| start.trim().parse().ok()),
        total: total.trim().parse().ok(),
    })
}

/// Returns whether a file has the checksum that is published, or none is.
fn is_published(file: &Path, published: &Published) -> Result<bool, FetchError> {
    match &published.md5 {
        None => Ok(true),
        Some(md5) => Ok(*md5 == md5_of(file)?),
    }
}

fn md5_of(path: &Path) -> Result<String, FetchError> {
    let read_error = |error: io::Error| read_error(path, &error);
    let mut reader = BufReader::new(File::open(path).map_err(read_error)?);
    let mut digest = Md5::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n_bytes = reader.read(&mut buffer).map_err(read_error)?;
        if n_bytes == 0 {
            break;
        }
        digest.update(&buffer[..n_bytes]);
    }
    let digest = digest.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn status_error(file: &Published, response: &Response<Body>) -> FetchError {
    FetchError::Status {
        url: file.url.clone(),
        page: file.page,
        status: response.status().as_u16(),
    }
}

fn bad_answer(file: &Published, what: &str) -> FetchError {
    FetchError::BadAnswer {
        url: file.url.clone(),
        page: file.page,
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests;
