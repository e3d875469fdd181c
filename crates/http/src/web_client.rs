//! The built web client (`web/dist`), carried inside the program; without it, a page that says so.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use rust_embed::RustEmbed;

use crate::answer;
use crate::conditional::{etag_of, is_unchanged};
use crate::render;
use crate::site::{Settings, Site};

/// The files as Vite builds them. A build without them compiles all the same.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

/// Below this, compressing saves nothing.
const WORTH_COMPRESSING: usize = 1_024;

/// The client's files, ready to be sent.
pub(crate) struct WebClient {
    index: Option<File>,
    files: HashMap<String, File>,
}

/// One file.
struct File {
    bytes: Cow<'static, [u8]>,
    gzip: Option<Vec<u8>>,
    content_type: &'static str,
    etag: String,
}

impl WebClient {
    /// Takes the files out of the program and fills in the index page.
    pub(crate) fn new(settings: &Settings) -> Self {
        let index = Files::get("index.html").map(|file| {
            let page = fill_index(&String::from_utf8_lossy(&file.data), settings);
            File::new("index.html", Cow::Owned(page.into_bytes()))
        });
        let files = Files::iter()
            .filter(|path| path != "index.html")
            .filter_map(|path| {
                let file = Files::get(&path)?;
                Some((path.to_string(), File::new(&path, file.data)))
            })
            .collect();
        Self { index, files }
    }
}

impl WebClient {
    /// The text of the index page; `None` in a program built without the client.
    pub(crate) fn index_page(&self) -> Option<&str> {
        std::str::from_utf8(&self.index.as_ref()?.bytes).ok()
    }
}

/// The index page under another title, with more in its head, and this before all else in its body.
pub(crate) fn with_head(index: &str, title: &str, head: &str, body: &str) -> String {
    let title = format!("<title>{}</title>", render::escaped(title));
    let mut page = match (index.find("<title>"), index.find("</title>")) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{title}{}", &index[..from], &index[to + "</title>".len()..])
        }
        _ => index.replacen("</head>", &format!("{title}\n</head>"), 1),
    };
    if let Some(at) = page.find("</head>") {
        page.insert_str(at, head);
    }
    if let Some(at) = page.find("<body>").map(|at| at + "<body>".len()) {
        page.insert_str(at, body);
    }
    page
}

impl File {
    fn new(path: &str, bytes: Cow<'static, [u8]>) -> Self {
        let content_type = content_type(path);
        let is_text = !content_type.starts_with("image/") || content_type == "image/svg+xml";
        let gzip = (is_text && bytes.len() >= WORTH_COMPRESSING)
            .then(|| compress(&bytes))
            .flatten();
        let etag = etag_of(&bytes);
        Self {
            bytes,
            gzip,
            content_type,
            etag,
        }
    }

    fn answer(&self, headers: &HeaderMap, cache: &'static str) -> Response {
        let mut response = if is_unchanged(headers, &self.etag, None) {
            StatusCode::NOT_MODIFIED.into_response()
        } else if let Some(gzip) = self.gzip.as_ref().filter(|_| accepts_gzip(headers)) {
            let mut response = gzip.clone().into_response();
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        } else {
            match &self.bytes {
                Cow::Borrowed(bytes) => (*bytes).into_response(),
                Cow::Owned(bytes) => bytes.clone().into_response(),
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            headers.insert(header::ETAG, etag);
        }
        response
    }
}

/// Every page of the client is the same file; the client reads the address.
pub(crate) async fn index(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    match &site.client.index {
        Some(file) => {
            // Names of scripts change with each build: the page that names them is asked for anew.
            let mut response = file.answer(&headers, "no-cache");
            answer::set_policy(&mut response, &client_policy(&site.settings));
            response
        }
        None => answer::no_client(&site),
    }
}

/// `/assets/…` and the few files beside the index.
pub(crate) async fn file(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    match site.client.files.get(path) {
        // Vite writes a hash of the content into the names below assets/.
        Some(file) if path.starts_with("assets/") => {
            file.answer(&headers, "public, max-age=31536000, immutable")
        }
        Some(file) => file.answer(&headers, "public, max-age=3600"),
        None => answer::not_found(&site),
    }
}

/// What the client's page may load: its own files, and sockets of this site.
pub(crate) fn client_policy(settings: &Settings) -> String {
    let (scheme, authority) = settings
        .site_url
        .split_once("://")
        .unwrap_or(("https", &settings.site_url));
    let socket = if scheme == "https" { "wss" } else { "ws" };
    let mut sockets = format!("{socket}://{authority}");
    for other in &settings.sockets {
        sockets.push(' ');
        sockets.push_str(other);
    }
    format!(
        "default-src 'self'; connect-src 'self' {sockets}; img-src 'self' data: blob:; \
         style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

/// Writes what the client must know about its server into the page's `meta` elements.
fn fill_index(page: &str, settings: &Settings) -> String {
    let domain = settings.domains.first().map_or("", String::as_str);
    let pubsub = format!("{}{domain}", settings.pubsub_prefix);
    let mut page = page.to_owned();
    for (name, value) in [
        ("folkmoot-domain", domain),
        ("folkmoot-pubsub", &pubsub),
        ("folkmoot-registration", settings.registration),
        ("folkmoot-site", &settings.site_url),
        ("folkmoot-audience", settings.audience),
    ] {
        let element = format!("<meta name=\"{name}\" content=\"{}\">", render::attribute(value));
        let start = page.find(&format!("<meta name=\"{name}\""));
        match start.and_then(|start| page[start..].find('>').map(|length| start..=start + length)) {
            Some(range) => page.replace_range(range, &element),
            None => page = page.replacen("</head>", &format!("{element}\n</head>"), 1),
        }
    }
    page
}

/// Whether the reader takes gzip (RFC 9110 §12.5.3, as far as clients use it).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            is_gzip && !parts.any(|weight| weight.trim_start_matches("q=").parse::<f32>() == Ok(0.0))
        })
}

fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::site::tests::settings;

    #[test]
    fn the_index_learns_about_its_server() {
        let page = "<head><meta name=\"folkmoot-domain\" content=\"\" />\n<meta charset=\"utf-8\"></head>";
        let page = fill_index(page, &settings());
        assert!(
            page.contains("<meta name=\"folkmoot-domain\" content=\"example.org\">\n<meta charset"),
            "{page}"
        );
        assert!(page.contains("<meta name=\"folkmoot-pubsub\" content=\"pubsub.example.org\">\n"));
        assert_eq!(page.matches("folkmoot-").count(), 5);
    }

    #[test]
    fn gzip_goes_to_those_who_take_it() {
        let headers = |value: &str| HeaderMap::from_iter([(header::ACCEPT_ENCODING, value.parse().unwrap())]);
        assert!(accepts_gzip(&headers("br, gzip;q=0.5")));
        assert!(!accepts_gzip(&headers("br, gzip;q=0")));
        assert!(!accepts_gzip(&headers("gzipped")));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
