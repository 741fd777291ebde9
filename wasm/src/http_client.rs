//! hyper's client connections over a [`Wire`]: how they start, and what drives them.

use crate::error::{Code, Failure};
use crate::exchange::OutgoingBody;
use crate::limits;
use crate::tasks::{Spawner, Tasks};
use crate::upgrade::Upgrade;
use crate::wire::{Io, Wire};
use hyper::client::conn::{http1, http2};
use std::cell::RefCell;
use std::future::{poll_fn, Future};
use std::pin::{pin, Pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The HTTP version of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    Http1,
    Http2,
}

/// hyper's handle for requests.
pub enum Sender {
    Http1(http1::SendRequest<OutgoingBody>),
    Http2(http2::SendRequest<OutgoingBody>, Http2Connection),
}

/// hyper's HTTP/2 connection, shared with the task that drives it, because only the connection knows the peer's
/// SETTINGS.
type Http2Connection = Rc<RefCell<http2::Connection<Io, OutgoingBody, Spawner>>>;

/// The reason why hyper's connection ended; `None` while it has not.
pub type Ended = Rc<RefCell<Option<Failure>>>;

impl Sender {
    /// Starts a client. None when hyper refuses to start.
    pub fn start(
        protocol: Protocol,
        wire: &Rc<RefCell<Wire>>,
        tasks: &Tasks,
        ended: &Ended,
        upgrade: &Upgrade,
    ) -> Option<Self> {
        match protocol {
            Protocol::Http1 => start_http1(wire, tasks, ended, upgrade),
            Protocol::Http2 => start_http2(wire, tasks, ended),
        }
    }

    pub fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender, _) => sender.is_closed(),
        }
    }

    /// The number of requests that may be in flight together: for HTTP/2 what the peer's SETTINGS allow.
    pub fn capacity(&self) -> usize {
        match self {
            Self::Http1(_) => 1,
            // RFC 9113 §6.5.2; before the peer's first SETTINGS h2 assumes 100.
            Self::Http2(_, connection) => connection.borrow().current_max_send_streams().min(limits::MAX_REQUESTS),
        }
    }
}

fn start_http1(wire: &Rc<RefCell<Wire>>, tasks: &Tasks, ended: &Ended, upgrade: &Upgrade) -> Option<Sender> {
    let mut builder = http1::Builder::new();
    builder.max_headers(limits::MAX_HEADERS).max_header_size(limits::HEAD_BYTES).max_buf_size(limits::HEAD_BYTES);
    wire.borrow_mut().check_heads();
    let (sender, mut connection) = poll_once(builder.handshake(Io(wire.clone())))?;
    let (ended, upgrade) = (ended.clone(), upgrade.clone());
    tasks.spawner().spawn(async move {
        match poll_fn(|context| connection.poll_without_shutdown(context)).await {
            Ok(()) => {
                ended.borrow_mut().get_or_insert(Failure::new(Code::PeerClosed, "the connection ended"));
                upgrade.offer(connection.into_parts());
            }
            Err(error) => {
                let failure = Failure::from_http(&error, false);
                ended.borrow_mut().get_or_insert(failure.clone());
                upgrade.finish(failure);
            }
        }
    });
    Some(Sender::Http1(sender))
}

fn start_http2(wire: &Rc<RefCell<Wire>>, tasks: &Tasks, ended: &Ended) -> Option<Sender> {
    let mut builder = http2::Builder::new(tasks.spawner());
    builder
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .max_header_list_size(limits::HEAD_BYTES as u32)
        .max_send_buf_size(limits::REQUEST_QUEUE_BYTES);
    wire.borrow_mut().check_frames();
    let (sender, connection) = poll_once(builder.handshake(Io(wire.clone())))?;
    let connection = Rc::new(RefCell::new(connection));
    let (ended, driven) = (ended.clone(), connection.clone());
    tasks.spawner().spawn(async move {
        let failure = match poll_fn(|context| Pin::new(&mut *driven.borrow_mut()).poll(context)).await {
            Ok(()) => Failure::new(Code::PeerClosed, "the connection ended"),
            Err(error) => Failure::from_http(&error, true),
        };
        ended.borrow_mut().get_or_insert(failure);
    });
    Some(Sender::Http2(sender, connection))
}

/// The result of a handshake future of hyper's client, which only writes into our buffers and so is ready at once.
fn poll_once<T>(handshake: impl Future<Output = hyper::Result<T>>) -> Option<T> {
    match pin!(handshake).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.ok(),
        Poll::Pending => None,
    }
}
