//! After 101: the connection as a raw byte duplex.

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

/// Where hyper's finished connection leaves its pipe for the request that was answered 101.
#[derive(Clone, Default)]
pub struct Upgrade(Rc<RefCell<Slot>>);

#[derive(Default)]
enum Slot {
    #[default]
    Idle,
    Wanted(Waker),
    Offered(Parts<Io>),
    Claimed,
    Over(Failure),
}

impl Upgrade {
    pub fn offer(&self, parts: Parts<Io>) {
        if let Slot::Wanted(waker) = self.0.replace(Slot::Offered(parts)) {
            waker.wake();
        }
    }

    /// The duplex is running: hyper's connection is over, ours is not.
    pub fn is_claimed(&self) -> bool {
        matches!(*self.0.borrow(), Slot::Claimed)
    }

    /// hyper's connection ended in an error, so there will be no pipe.
    pub fn finish(&self, failure: Failure) {
        if let Slot::Wanted(waker) = self.0.replace(Slot::Over(failure)) {
            waker.wake();
        }
    }

    pub async fn claim(&self) -> Result<Parts<Io>, Failure> {
        poll_fn(|context| match self.0.replace(Slot::Claimed) {
            Slot::Offered(parts) => Poll::Ready(Ok(parts)),
            Slot::Over(failure) => {
                self.0.replace(Slot::Over(failure.clone()));
                Poll::Ready(Err(failure))
            }
            Slot::Idle | Slot::Wanted(_) => {
                self.0.replace(Slot::Wanted(context.waker().clone()));
                Poll::Pending
            }
            Slot::Claimed => Poll::Ready(Err(Failure::new(Code::Internal, "upgraded twice"))),
        })
        .await
    }
}

/// Moves bytes both ways until the peer ends, the host cancels, or something breaks.
pub async fn pump(parts: Parts<Io>, exchange: &Exchange) -> Failure {
    let mut pump = Pump { io: parts.io, up: Bytes::new(), up_ended: false };
    if !parts.read_buf.is_empty() {
        exchange.push(Event::Data(parts.read_buf));
    }
    poll_fn(|context| match (pump.poll_up(exchange, context), pump.poll_down(exchange, context)) {
        (_, Poll::Ready(failure)) | (Poll::Ready(failure), _) => Poll::Ready(failure),
        _ => Poll::Pending,
    })
    .await
}

struct Pump {
    io: Io,
    up: Bytes,
    up_ended: bool,
}

impl Pump {
    fn poll_up(&mut self, exchange: &Exchange, context: &mut Context<'_>) -> Poll<Failure> {
        while !self.up_ended {
            if self.up.is_empty() {
                match ready!(exchange.poll_up(context)) {
                    Some(data) => self.up = data,
                    None => {
                        self.up_ended = true;
                        let _ = Pin::new(&mut self.io).poll_shutdown(context); // Infallible, see wire.rs.
                    }
                }
                continue;
            }
            match ready!(Pin::new(&mut self.io).poll_write(context, &self.up)) {
                Ok(written) => self.up.advance(written),
                Err(error) => return Poll::Ready(broken(&error)),
            }
        }
        Poll::Pending
    }

    fn poll_down(&mut self, exchange: &Exchange, context: &mut Context<'_>) -> Poll<Failure> {
        loop {
            if !ready!(exchange.poll_room(context)) {
                return Poll::Ready(Failure::new(Code::Cancelled, "cancelled"));
            }
            let mut storage = [0; READ_BYTES];
            let mut buffer = ReadBuf::new(&mut storage);
            match Pin::new(&mut self.io).poll_read(context, buffer.unfilled()) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    return Poll::Ready(Failure::new(Code::PeerClosed, "the peer closed"));
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
