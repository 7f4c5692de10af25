//! Downloads data sets from where they are published.
//!
//! What has arrived is kept in a file `.part` beside the target, so that an interrupted download
//! goes on where it stopped. The target appears only when it is whole and its checksum is right.

mod error;

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use md5::{Digest, Md5};
use serde_json::Value;
use ureq::http::{Response, header};
use ureq::{Agent, Body};

pub use error::FetchError;
use error::{read_error, write_error};

/// The number of `jsc` at OpenML.
const OPENML_JSC: u32 = 42468;

/// Where data sets are published, and how long to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The address of OpenML's API, without a slash at the end.
    pub(crate) base_url: String,
    /// How long to wait for a connection, an answer, or the next bytes.
    pub(crate) patience: Duration,
}

impl Source {
    /// Returns the official addresses.
    pub(crate) fn official() -> Self {
        Self {
            base_url: "https://www.openml.org/api/v1/json".to_owned(),
            patience: Duration::from_secs(60),
        }
    }
}

/// Downloads a data set into the folder `NAME` of a data folder; returns the file.
///
/// A file that is there already, with the checksum that is published, is not downloaded again.
/// `progress` hears how many bytes have arrived, and how many there are where the server says so.
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
    let description = crate::known().into_iter().find(|known| known.name == name);
    match description {
        Some(description) if description.fetchable => {}
        Some(_) => {
            return Err(FetchError::Generated {
                name: name.to_owned(),
            });
        }
        None => {
            return Err(FetchError::UnknownDataset {
                name: name.to_owned(),
            });
        }
    }
    let agent = agent(source);
    let published = published(&agent, &format!("{}/data/{OPENML_JSC}", source.base_url))?;
    let folder = into.join(name);
    fs::create_dir_all(&folder).map_err(|error| write_error(&folder, &error))?;
    let target = folder.join(format!("{name}.arff"));
    if target.is_file() && is_published(&target, &published)? {
        let n_bytes = fs::metadata(&target)
            .map_err(|error| read_error(&target, &error))?
            .len();
        progress(n_bytes, Some(n_bytes));
        return Ok(target);
    }
    let part = folder.join(format!("{name}.arff.part"));
    download(&agent, &published, &part, progress)?;
    if !is_published(&part, &published)? {
        let found = md5_of(&part)?;
        fs::remove_file(&part).map_err(|error| write_error(&part, &error))?;
        return Err(FetchError::Checksum {
            url: published.url,
            expected: published.md5.unwrap_or_default(),
            found,
        });
    }
    fs::rename(&part, &target).map_err(|error| write_error(&target, &error))?;
    Ok(target)
}

/// A file as its publisher describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Published {
    url: String,
    /// 32 hexadecimal digits, in lower case.
    md5: Option<String>,
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
    if source.base_url.starts_with("http://127.0.0.1") {
        // A proxy's loopback is not ours.
        config = config.proxy(None);
    }
    config.build().into()
}

/// Asks OpenML where a file is, and for its checksum.
fn published(agent: &Agent, url: &str) -> Result<Published, FetchError> {
    let bad_answer = |what: &str| FetchError::BadAnswer {
        url: url.to_owned(),
        what: what.to_owned(),
    };
    let mut response = get(agent, url, 0)?;
    if response.status() != 200 {
        return Err(status_error(url, &response));
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
    let mut response = get(agent, &published.url, have)?;
    if have > 0 && response.status() == 416 {
        // Nothing is left, or what is here is no beginning of the file: the checksum tells.
        if content_range(&response).is_some_and(|range| range.total == Some(have)) {
            progress(have, Some(have));
            return Ok(());
        }
        response = get(agent, &published.url, 0)?;
    }
    let (start, total) = match response.status().as_u16() {
        200 => (0, content_length(&response)),
        206 => match content_range(&response) {
            Some(range) if range.start == Some(have) => {
                let rest = content_length(&response);
                (have, range.total.or(rest.map(|rest| have + rest)))
            }
            _ => {
                return Err(FetchError::BadAnswer {
                    url: published.url.clone(),
                    what: "it is another range than the one that was asked for".to_owned(),
                });
            }
        },
        _ => return Err(status_error(&published.url, &response)),
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

fn get(agent: &Agent, url: &str, start: u64) -> Result<Response<Body>, FetchError> {
    let mut request = agent.get(url);
    if start > 0 {
        request = request.header(header::RANGE, format!("bytes={start}-"));
    }
    request.call().map_err(|error| FetchError::NoAnswer {
        url: url.to_owned(),
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

fn status_error(url: &str, response: &Response<Body>) -> FetchError {
    FetchError::Status {
        url: url.to_owned(),
        status: response.status().as_u16(),
    }
}

#[cfg(test)]
mod tests;
