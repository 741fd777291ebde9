//! hyper's HTTP/2 server over the wire of a client's connection.

use crate::error::{Code, Failure};
use crate::exchange::{Event, OutgoingBody};
use crate::limits;
use crate::reply::Served;
use crate::request_gate::{CHUNKED, HAS_BODY, HTTP_2};
use crate::requests::Requests;
use crate::tasks::{Spawner, Tasks};
use crate::wire::{Io, Wire};
use bytes::Bytes;
use http::{header, request, Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http2;
use std::cell::RefCell;
use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// hyper's connection, shared with the task that drives it, so that it can be told to end.
type Http2Connection = Rc<RefCell<http2::Connection<Io, Service, StreamSpawner>>>;

/// The server of one connection.
pub struct Http2Server {
    connection: Http2Connection,
    /// The waker of the task that drives the connection.
    driver: Rc<RefCell<Option<Waker>>>,
    has_stopped: bool,
}

/// The most of a body that goes to hyper at a time. hyper takes a piece as soon as the client's window has room for one
/// byte of it, so this much can wait in hyper for a client that takes none.
const PIECE_BYTES: usize = 16 * 1024;

impl Http2Server {
    /// Starts the server.
    pub fn start(wire: &Rc<RefCell<Wire>>, tasks: &Tasks, requests: &Rc<Requests>) -> Self {
        let streams = StreamSpawner { spawner: tasks.spawner(), served: Rc::default() };
        let mut builder = http2::Builder::new(streams.clone());
        builder
            .initial_stream_window_size(limits::CLIENT_STREAM_WINDOW_BYTES)
            .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
            .max_concurrent_streams(limits::MAX_REQUESTS as u32)
            .max_header_list_size(limits::REQUEST_HEAD_BYTES as u32)
            .max_send_buf_size(limits::REQUEST_QUEUE_BYTES)
            .max_pending_accept_reset_streams(limits::MAX_PENDING_RESETS)
            .max_local_error_reset_streams(limits::MAX_PENDING_RESETS);
        let service = Service { requests: requests.clone(), streams };
        let connection = Rc::new(RefCell::new(builder.serve_connection(Io(wire.clone()), service)));
        let driver = Rc::<RefCell<Option<Waker>>>::default();
        let (driven, requests, wire) = (connection.clone(), requests.clone(), wire.clone());
        let waker = driver.clone();
        tasks.spawner().spawn(async move {
            let outcome = poll_fn(|context| {
                *waker.borrow_mut() = Some(context.waker().clone());
                Pin::new(&mut *driven.borrow_mut()).poll(context)
            });
            let outcome = outcome.await;
            requests.end(match outcome {
                Ok(()) => Failure::new(Code::PeerClosed, "the connection ended"),
                Err(error) => wire.borrow().failure().cloned().unwrap_or_else(|| Failure::from_http(&error, true)),
            });
        });
        Self { connection, driver, has_stopped: false }
    }

    /// Accepts no further request, and ends the connection when those in flight are answered (GOAWAY).
    pub fn drain(&self) {
        if let Ok(mut connection) = self.connection.try_borrow_mut() {
            Pin::new(&mut *connection).graceful_shutdown();
        }
        if let Some(waker) = self.driver.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Answers the last bytes for the client of a connection that has ended by `failure`: GOAWAY (RFC 9113 §6.8), where
    /// hyper does not know that it has. Any stream may have been processed.
    pub fn stopped(&mut self, failure: &Failure) -> Vec<u8> {
        let is_too_much = failure.aux == u32::from(h2::Reason::ENHANCE_YOUR_CALM);
        if std::mem::replace(&mut self.has_stopped, true) || !is_too_much {
            return Vec::new();
        }
        [&[0, 0, 8, GOAWAY, 0, 0, 0, 0, 0], &LAST_STREAM.to_be_bytes()[..], &failure.aux.to_be_bytes()].concat()
    }
}

const GOAWAY: u8 = 7;
/// The highest number of a stream.
const LAST_STREAM: u32 = 0x7fff_ffff;

/// hyper's service: gives each request to the host and waits for its response.
struct Service {
    requests: Rc<Requests>,
    streams: StreamSpawner,
}

/// Starts hyper's task of each stream. hyper does so directly after it has called the service for that stream.
#[derive(Clone)]
struct StreamSpawner {
    spawner: Spawner,
    /// The request whose task is started next.
    served: Rc<RefCell<Option<Served>>>,
}

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for StreamSpawner {
    fn execute(&self, task: F) {
        let Some(served) = self.served.borrow_mut().take() else { return self.spawner.spawn(task) };
        let mut task = Box::pin(task);
        // While the client's window is closed hyper looks at no body, and so would not see that the host has cancelled
        // the request. A task that is dropped resets its stream (CANCEL).
        self.spawner.spawn(poll_fn(move |context| match task.as_mut().poll(context) {
            Poll::Pending => served.poll_cancelled(context),
            Poll::Ready(()) => Poll::Ready(()),
        }));
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<ResponseBody>;
    type Error = h2::Error;
    type Future = Responding;

    fn call(&self, request: Request<Incoming>) -> Responding {
        let (parts, body) = request.into_parts();
        let has_body = !body.is_end_stream();
        let served = self.requests.begin(head(&parts, has_body));
        if let (Some(served), true) = (&served, has_body) {
            self.streams.spawner.spawn(read_body(body, served.clone(), self.requests.clone()));
        }
        self.streams.served.borrow_mut().clone_from(&served);
        Responding { served, requests: self.requests.clone() }
    }
}

/// The head in the form that a head of HTTP/1.1 has, so that the host reads both alike. `:authority` stands as `host`.
fn head(parts: &request::Parts, has_body: bool) -> Vec<u8> {
    let flags = HTTP_2 | if has_body { HAS_BODY | CHUNKED } else { 0 };
    let mut out = Vec::with_capacity(512);
    out.push(flags);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    out.extend_from_slice(if target.is_empty() { authority.unwrap_or("") } else { target }.as_bytes());
    out.extend_from_slice(b" HTTP/2.0\r\n");
    // RFC 9113 §8.3.1: a request with a host that differs from :authority is malformed. The host sees two then.
    let is_same = |host: &[u8]| authority.is_some_and(|authority| authority.as_bytes() == host);
    if let Some(authority) = authority {
        field(&mut out, b"host", authority.as_bytes());
    }
    for (name, value) in &parts.headers {
        if name != header::HOST || !is_same(value.as_bytes()) {
            field(&mut out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    out
}

fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// The wait for the host's response. hyper drops it early when the client has reset the stream.
struct Responding {
    /// None: the host has too many requests that it has not finished with.
    served: Option<Served>,
    requests: Rc<Requests>,
}

impl Future for Responding {
    type Output = Result<Response<ResponseBody>, h2::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(served) = &self.served else { return Poll::Ready(Err(h2::Reason::REFUSED_STREAM.into())) };
        match served.poll_response(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(response)) => {
                let (served, requests) = (self.served.take(), self.requests.clone());
                Poll::Ready(Ok(response.map(|body| ResponseBody { body, rest: Bytes::new(), served, requests })))
            }
        }
    }
}

impl Drop for Responding {
    fn drop(&mut self) {
        if let Some(served) = &self.served {
            self.requests.cancelled(served);
        }
    }
}

/// The events of a request's body.
async fn read_body(mut body: Incoming, served: Served, requests: Rc<Requests>) {
    loop {
        let frame = poll_fn(|context| match served.poll_body_room(context) {
            Poll::Pending => Poll::Pending,
            // h2 gives back the window of what nobody reads, and asks the client to send no more.
            Poll::Ready(true) => Poll::Ready(None),
            Poll::Ready(false) => Pin::new(&mut body).poll_frame(context),
        });
        match frame.await {
            None => return served.exchange.push(Event::End),
            Some(Ok(frame)) => served.exchange.push_frame(frame),
            Some(Err(error)) => {
                let failure = Failure::from_http(&error, true);
                return served.fail(requests.ended().unwrap_or(failure));
            }
        }
    }
}

/// A response's body. hyper drops it when it has taken the whole of it, or when the stream was reset.
struct ResponseBody {
    body: OutgoingBody,
    /// What is left of a frame of `body`.
    rest: Bytes,
    served: Option<Served>,
    requests: Rc<Requests>,
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        match self.served.take() {
            Some(served) if self.is_end_stream() => self.requests.answered(&served),
            Some(served) => self.requests.cancelled(&served),
            None => {}
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if self.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                // The client has not cancelled it, and must not take what it has for the whole.
                Some(Err(_)) => return Poll::Ready(Some(Err(h2::Reason::INTERNAL_ERROR.into()))),
                None => return Poll::Ready(None),
            }
        }
        let size = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    /// Not the size of `body` once a part of it is in `rest`; hyper asks before that.
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
