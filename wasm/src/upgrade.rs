//! The connection after the answer 101: raw bytes in both directions.

use crate::error::{Code, Failure, WireError};
use crate::exchange::{Event, Exchange};
use crate::wire::Io;
use bytes::{Buf, Bytes};
use hyper::client::conn::http1::Parts;
use hyper::rt::{Read, ReadBuf, Write};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{ready, Context, Poll, Waker};

const READ_BYTES: usize = 16 * 1024;

/// The handover of the connection's bytes from hyper, whose connection ends at 101, to the request that 101 answered.
#[derive(Clone, Default)]
pub struct Upgrade(Rc<RefCell<Handover>>);

#[derive(Default)]
enum Handover {
    #[default]
    Idle,
    /// The request waits for the connection.
    Awaited(Waker),
    /// hyper's connection waits for the request.
    Offered(Parts<Io>),
    Claimed,
    /// hyper's connection ended in an error, or the upgraded one has ended.
    Failed(Failure),
}

impl Upgrade {
    /// Gives the connection to the request.
    pub fn offer(&self, parts: Parts<Io>) {
        if let Handover::Awaited(waker) = self.0.replace(Handover::Offered(parts)) {
            waker.wake();
        }
    }

    /// Whether the request has the connection, which then outlives hyper's.
    pub fn is_claimed(&self) -> bool {
        matches!(*self.0.borrow(), Handover::Claimed)
    }

    /// Ends the handover with a failure.
    pub fn finish(&self, failure: Failure) {
        if let Handover::Awaited(waker) = self.0.replace(Handover::Failed(failure)) {
            waker.wake();
        }
    }

    /// Waits for the connection and takes it.
    pub async fn claim(&self) -> Result<Parts<Io>, Failure> {
        poll_fn(|context| match self.0.replace(Handover::Claimed) {
            Handover::Offered(parts) => Poll::Ready(Ok(parts)),
            Handover::Failed(failure) => {
                self.0.replace(Handover::Failed(failure.clone()));
                Poll::Ready(Err(failure))
            }
            Handover::Idle | Handover::Awaited(_) => {
                self.0.replace(Handover::Awaited(context.waker().clone()));
                Poll::Pending
            }
            Handover::Claimed => Poll::Ready(Err(Failure::new(Code::Internal, "upgraded twice"))),
        })
        .await
    }
}

/// When a relay is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// When the peer has ended its direction.
    WithPeer,
    /// When both have ended theirs: the peer's end is then the event [`Event::End`].
    #[cfg(feature = "server")]
    WithBoth,
}

/// Relays bytes in both directions until the end that `ending` names, the host cancels, or the wire fails.
pub async fn relay(io: Io, read: Bytes, exchange: &Exchange, ending: Ending) -> Failure {
    let mut relay = Relay { io, to_peer: Bytes::new(), ended: false, peer_ended: false, ending };
    if !read.is_empty() {
        exchange.push(Event::Data(read));
    }
    poll_fn(|context| match (relay.poll_to_peer(exchange, context), relay.poll_from_peer(exchange, context)) {
        (_, Poll::Ready(failure)) | (Poll::Ready(failure), _) => Poll::Ready(failure),
        _ => Poll::Pending,
    })
    .await
}

struct Relay {
    io: Io,
    /// Bytes for the peer that the wire has not taken yet.
    to_peer: Bytes,
    /// Whether the host has ended its direction.
    ended: bool,
    /// Whether the peer has ended its direction.
    peer_ended: bool,
    ending: Ending,
}

impl Relay {
    fn poll_to_peer(&mut self, exchange: &Exchange, context: &mut Context<'_>) -> Poll<Failure> {
        while !self.ended {
            if self.to_peer.is_empty() {
                match ready!(exchange.poll_body(context)) {
                    Some(data) => self.to_peer = data,
                    None => {
                        self.ended = true;
                        let _ = Pin::new(&mut self.io).poll_shutdown(context); // wire.rs never fails here.
                    }
                }
                continue;
            }
            match ready!(Pin::new(&mut self.io).poll_write(context, &self.to_peer)) {
                Ok(written) => self.to_peer.advance(written),
                Err(error) => return Poll::Ready(broken(&error)),
            }
        }
        if self.peer_ended {
            return Poll::Ready(Failure::new(Code::PeerClosed, "both sides ended"));
        }
        Poll::Pending
    }

    fn poll_from_peer(&mut self, exchange: &Exchange, context: &mut Context<'_>) -> Poll<Failure> {
        loop {
            if self.peer_ended {
                return exchange.poll_cancelled(context).map(|()| Failure::new(Code::Cancelled, "cancelled"));
            }
            if !ready!(exchange.poll_room(context)) {
                return Poll::Ready(Failure::new(Code::Cancelled, "cancelled"));
            }
            let mut storage = [0; READ_BYTES];
            let mut buffer = ReadBuf::new(&mut storage);
            match Pin::new(&mut self.io).poll_read(context, buffer.unfilled()) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    if self.ending == Ending::WithPeer || self.ended {
                        return Poll::Ready(Failure::new(Code::PeerClosed, "the peer closed"));
                    }
                    self.peer_ended = true;
                    exchange.push(Event::End);
                }
                Poll::Ready(Ok(())) => exchange.push(Event::Data(Bytes::copy_from_slice(buffer.filled()))),
                Poll::Ready(Err(error)) => return Poll::Ready(broken(&error)),
                Poll::Pending => {
                    return exchange.poll_cancelled(context).map(|()| Failure::new(Code::Cancelled, "cancelled"))
                }
            }
        }
    }
}

fn broken(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<WireError>()) {
        Some(own) => own.0.clone(),
        None => Failure::new(Code::PeerTruncated, &error.to_string()),
    }
}
