//! The request head, from the host's encoding to a request of hyper's for either protocol.

use crate::codec::Reader;
use crate::error::{Code, Failure};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::Authority;
use http::{Method, Request, Uri, Version};

/// A head, encoded as `method:short authority:short path:short headers`.
pub struct Head {
    method: Method,
    authority: Authority,
    path: String,
    headers: HeaderMap,
}

impl Head {
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let mut reader = Reader::new(bytes);
        let method = Method::from_bytes(reader.short()?).map_err(|_| bad("not a method"))?;
        let authority = Authority::try_from(reader.short()?).map_err(|_| bad("not an authority"))?;
        if authority.as_str().contains('@') {
            return Err(bad("an authority with user information"));
        }
        let path = text(reader.short()?)?;
        let headers = reader.headers()?;
        reader.end()?;
        if method == Method::CONNECT {
            return Err(bad("CONNECT is not forwarded"));
        }
        let is_server_wide = path == "*" && method == Method::OPTIONS;
        if !path.starts_with('/') && !is_server_wide {
            return Err(bad("the path is not in origin form"));
        }
        Ok(Self { method, authority, path, headers })
    }

    pub fn wants_upgrade(&self) -> bool {
        self.headers.contains_key(header::UPGRADE)
    }

    /// The HTTP/1.1 request. RFC 9112 §3.2: `Host` is the authority, and stands once. hyper writes the framing fields.
    pub fn into_http1<B>(mut self, body: B) -> Result<Request<B>, Failure> {
        for name in [
            HeaderName::from_static("keep-alive"),
            HeaderName::from_static("proxy-connection"),
            header::TRANSFER_ENCODING,
        ] {
            self.headers.remove(name);
        }
        let host = HeaderValue::try_from(self.authority.as_str()).map_err(|_| bad("not an authority"))?;
        // The path is parsed here, because hyper writes any path unchanged.
        let uri = Uri::try_from(self.path).map_err(|_| bad("not a path"))?;
        if uri.scheme().is_some() || uri.authority().is_some() && uri.path() != "*" {
            return Err(bad("the path is not in origin form"));
        }
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 1);
        headers.insert(header::HOST, host);
        self.headers.remove(header::HOST);
        headers.extend(self.headers);
        let mut request = Request::new(body);
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (self.method, uri, headers);
        Ok(request)
    }

    /// The HTTP/2 request: without `host`, since nginx answers 400 when it stands beside `:authority`, and without
    /// connection-specific fields (RFC 9113 §8.2.2).
    pub fn into_http2<B>(mut self, body: B, scheme: &str) -> Result<Request<B>, Failure> {
        if self.wants_upgrade() {
            return Err(bad("HTTP/2 has no upgrade"));
        }
        let nominated: Vec<HeaderName> = self
            .headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            .collect();
        for name in nominated.into_iter().chain([
            header::HOST,
            header::CONNECTION,
            header::TRANSFER_ENCODING,
            HeaderName::from_static("keep-alive"),
            HeaderName::from_static("proxy-connection"),
        ]) {
            self.headers.remove(name);
        }
        if self.headers.get(header::TE).is_some_and(|te| te != "trailers") {
            self.headers.remove(header::TE);
        }
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(self.authority)
            .path_and_query(self.path)
            .build()
            .map_err(|_| bad("not an authority or path"))?;
        let mut request = Request::new(body);
        *request.version_mut() = Version::HTTP_2;
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (self.method, uri, self.headers);
        Ok(request)
    }
}

fn text(bytes: &[u8]) -> Result<String, Failure> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| bad("not ASCII"))
}

fn bad(detail: &str) -> Failure {
    Failure::new(Code::BadArgument, detail)
}
