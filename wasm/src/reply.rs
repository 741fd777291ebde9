//! One request of a client, between the host's calls and the tasks of `serving.rs`: its response, and what the host wants
//! of its body.

use crate::codec::Reader;
use crate::error::{Code, Failure};
use crate::exchange::{Event, Exchange, OutgoingBody};
use http::{HeaderMap, Response, StatusCode};
use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A request of a client and the response that the host gives it.
#[derive(Clone)]
pub struct Served {
    /// The queues: the request's body in `events`, the response's body in `body`.
    pub exchange: Exchange,
    reply: Rc<RefCell<Reply>>,
}

#[derive(Default)]
struct Reply {
    response: Option<Response<OutgoingBody>>,
    is_given: bool,
    response_waker: Option<Waker>,
    /// Whether the request's body may be read: not before the host allows it, when the client waits for 100.
    is_body_wanted: bool,
    is_body_dropped: bool,
    body_waker: Option<Waker>,
    /// Whether the host has taken the last event of the request's message.
    has_ended: bool,
    /// Whether the host has taken the event `answered`.
    is_answered: bool,
    has_failed: bool,
    /// The reason for which the host has cancelled the request.
    cancelled: Option<h2::Reason>,
    cancel_waker: Option<Waker>,
}

impl Served {
    pub fn new(exchange: Exchange, is_body_wanted: bool) -> Self {
        Self { exchange, reply: Rc::new(RefCell::new(Reply { is_body_wanted, ..Reply::default() })) }
    }

    /// Gives the response: `status:u16 headers`. Without a body of the host's its body is empty.
    pub fn respond(&self, head: &[u8], has_body: bool) -> Result<StatusCode, Failure> {
        let mut reply = self.reply.borrow_mut();
        if reply.is_given {
            return Err(Failure::new(Code::WrongState, "the response was given"));
        }
        let (status, headers) = parse(head)?;
        let body = if has_body { OutgoingBody::Queued(self.exchange.clone()) } else { OutgoingBody::Empty };
        let mut response = Response::new(body);
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        reply.response = Some(response);
        reply.is_given = true;
        wake(&mut reply.response_waker);
        Ok(status)
    }

    pub fn is_given(&self) -> bool {
        self.reply.borrow().is_given
    }

    /// Waits for the response; ready with an error when the host has cancelled the request.
    pub fn poll_response(&self, context: &mut Context<'_>) -> Poll<Result<Response<OutgoingBody>, h2::Error>> {
        let mut reply = self.reply.borrow_mut();
        if let Some(response) = reply.response.take() {
            return Poll::Ready(Ok(response));
        }
        if let Some(reason) = reply.cancelled {
            return Poll::Ready(Err(reason.into()));
        }
        reply.response_waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Ends the request from the host's side. HTTP/2 tells the client `reason`.
    pub fn cancel(&self, reason: h2::Reason) {
        let mut reply = self.reply.borrow_mut();
        reply.cancelled = Some(reason);
        wake(&mut reply.response_waker);
        wake(&mut reply.cancel_waker);
        self.exchange.cancel();
    }

    /// Waits until the host has cancelled the request.
    pub fn poll_cancelled(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut reply = self.reply.borrow_mut();
        if reply.cancelled.is_some() {
            return Poll::Ready(());
        }
        reply.cancel_waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Why the host has cancelled the request; None while it has not.
    pub fn cancelled(&self) -> Option<h2::Reason> {
        self.reply.borrow().cancelled
    }

    /// Lets the request's body be read.
    pub fn want_body(&self) {
        let mut reply = self.reply.borrow_mut();
        reply.is_body_wanted = true;
        wake(&mut reply.body_waker);
    }

    /// Lets the rest of the request's body be read and dropped.
    pub fn drop_body(&self) {
        let mut reply = self.reply.borrow_mut();
        reply.is_body_wanted = true;
        reply.is_body_dropped = true;
        wake(&mut reply.body_waker);
        drop(reply);
        self.exchange.drop_data();
    }

    /// Waits until the body may be read: ready with whether its bytes are dropped. The exchange wakes the same task when
    /// its queue has room.
    pub fn poll_body_room(&self, context: &mut Context<'_>) -> Poll<bool> {
        let mut reply = self.reply.borrow_mut();
        if reply.is_body_dropped {
            return Poll::Ready(true);
        }
        reply.body_waker = Some(context.waker().clone());
        if !reply.is_body_wanted {
            return Poll::Pending;
        }
        // Nobody reads the body of a cancelled request any more.
        self.exchange.poll_room(context).map(|is_open| !is_open)
    }

    /// Ends the request with a failure, unless one has ended it before. What is left of its body is dropped.
    pub fn fail(&self, failure: Failure) {
        if !std::mem::replace(&mut self.reply.borrow_mut().has_failed, true) {
            self.exchange.drop_data();
            self.exchange.push(Event::Failed(failure));
        }
    }

    /// Whether a failure has ended the request.
    pub fn has_failed(&self) -> bool {
        self.reply.borrow().has_failed
    }

    /// Notes that the host has taken the last event of the message, or `answered`. Answers whether it has taken both.
    pub fn mark(&self, is_answered: bool) -> bool {
        let mut reply = self.reply.borrow_mut();
        reply.is_answered |= is_answered;
        reply.has_ended |= !is_answered;
        reply.is_answered && reply.has_ended
    }
}

/// Status and fields of a response, encoded as `status:u16 headers`.
pub fn parse(head: &[u8]) -> Result<(StatusCode, HeaderMap), Failure> {
    let mut reader = Reader::new(head);
    let status = u16::try_from(reader.u16()?).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.ok_or_else(|| Failure::new(Code::BadArgument, "not a status"))?;
    let headers = reader.headers()?;
    reader.end()?;
    Ok((status, headers))
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
