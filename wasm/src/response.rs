//! The task of one request, which makes events for the host from hyper's response.

use crate::error::{Code, Failure, Sent};
use crate::exchange::{head, Event, Exchange, OutgoingBody};
use crate::http_client::{Ended, Protocol};
use crate::limits;
use crate::upgrade::{self, Ending, Upgrade};
use crate::wire::Wire;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode, Version};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::client::conn::TrySendError;
use std::cell::RefCell;
use std::future::{poll_fn, Future};
use std::pin::{pin, Pin};
use std::rc::Rc;
use std::task::{Context, Poll};

/// The state of one request's task.
pub struct RequestTask {
    pub exchange: Exchange,
    pub wire: Rc<RefCell<Wire>>,
    /// The number of bytes that the wire had accepted before this request. While it has accepted no more, nothing of
    /// this request was written.
    pub accepted: u64,
    /// The number of bytes that the wire had delivered before this request. On HTTP/1.1 every later byte is a part of
    /// the response.
    pub delivered: u64,
    pub protocol: Protocol,
    pub ended: Ended,
    /// The handover of the connection, when the request asks for an upgrade.
    pub upgrade: Option<Upgrade>,
}

type Outcome = Result<Response<Incoming>, TrySendError<Request<OutgoingBody>>>;

/// Makes events of 1xx responses, which hyper reports on HTTP/1.1 only.
pub fn forward_informational(request: &mut Request<OutgoingBody>, exchange: &Exchange) {
    let exchange = exchange.clone();
    hyper::ext::on_informational(request, move |response| {
        exchange.push_informational(response.status().as_u16(), response.headers());
    });
}

impl RequestTask {
    /// Sends the request and pushes its events, the last one included.
    pub async fn run(self, sending: impl Future<Output = Outcome>) {
        let Some(outcome) = self.unless_cancelled(sending).await else {
            if let Err(failure) = self.check_interim() {
                self.ended.borrow_mut().get_or_insert(failure.clone());
                self.exchange.push(Event::Failed(failure.with_sent(Sent::Maybe)));
            }
            return;
        };
        let response = match outcome {
            Ok(response) => response,
            Err(mut error) => {
                let unsent = error.take_message().is_some()
                    || self.protocol == Protocol::Http1 && self.wire.borrow().accepted() == self.accepted;
                let failure = self.before_head(self.explain(error.error()));
                let sent = if unsent || failure.is_unprocessed() { Sent::Nothing } else { Sent::Maybe };
                return self.exchange.push(Event::Failed(failure.with_sent(sent)));
            }
        };
        if let Err(failure) = self.answer(response).await {
            self.exchange.push(Event::Failed(failure.with_sent(Sent::Maybe)));
        }
    }

    async fn answer(&self, response: Response<Incoming>) -> Result<(), Failure> {
        if let Err(failure) = self.check(&response) {
            // With wrong framing the next response's first byte is unknown: the connection carries no further request.
            self.ended.borrow_mut().get_or_insert(failure.clone());
            return Err(failure);
        }
        self.exchange.push(Event::Head(head(response.status().as_u16(), response.headers())));
        match &self.upgrade {
            Some(upgrade) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                let parts = upgrade.claim().await?;
                self.exchange.push(Event::Upgraded);
                let failure = upgrade::relay(parts.io, parts.read_buf, &self.exchange, Ending::WithPeer).await;
                upgrade.finish(failure.clone());
                self.exchange.push(if failure.code == Code::PeerClosed {
                    Event::End
                } else {
                    Event::Failed(failure.with_sent(Sent::Maybe))
                });
                Ok(())
            }
            Some(_) => {
                self.exchange.end(HeaderMap::new()); // The peer refused the upgrade: nothing follows the head.
                self.body(response.into_body()).await
            }
            None => self.body(response.into_body()).await,
        }
    }

    fn protocol_error(&self) -> Code {
        match self.protocol {
            Protocol::Http1 => Code::Http1Protocol,
            Protocol::Http2 => Code::Http2Protocol,
        }
    }

    fn check_interim(&self) -> Result<(), Failure> {
        if self.exchange.is_flooded() {
            return Err(Failure::new(self.protocol_error(), "informational responses without end"));
        }
        Ok(())
    }

    /// Refuses what hyper accepts although RFC 9110, 9112 or 9113 forbids it, and more fields than the limit.
    fn check(&self, response: &Response<Incoming>) -> Result<(), Failure> {
        self.check_interim()?;
        let protocol_error = self.protocol_error();
        let headers = response.headers();
        if headers.len() > limits::MAX_HEADERS {
            return Err(Failure::new(Code::TooLarge, "too many header fields"));
        }
        // RFC 9112 §6.3: both together "ought to be handled as an error", since they might be an attempt at response
        // splitting. §6.1: a server must not send transfer-encoding in HTTP/1.0.
        if headers.contains_key(TRANSFER_ENCODING)
            && (headers.contains_key(CONTENT_LENGTH) || response.version() == Version::HTTP_10)
        {
            return Err(Failure::new(protocol_error, "transfer-encoding beside content-length, or in HTTP/1.0"));
        }
        // RFC 9110 §15.2.2: 101 only answers a request for an upgrade. RFC 9113 §8.6: never in HTTP/2.
        if response.status() == StatusCode::SWITCHING_PROTOCOLS && self.upgrade.is_none() {
            return Err(Failure::new(protocol_error, "101 without an upgrade request"));
        }
        Ok(())
    }

    async fn body(&self, mut body: Incoming) -> Result<(), Failure> {
        loop {
            match poll_fn(|context| self.poll_frame(&mut body, context)).await {
                Step::Cancelled => return Ok(()),
                Step::Frame(Ok(frame)) => self.exchange.push_frame(frame),
                Step::Frame(Err(error)) => return Err(self.explain(&error)),
                // hyper ends the body at any RST_STREAM with NO_ERROR. RFC 9113 §8.1 allows that frame only after a
                // complete response, so the declared length must have arrived.
                Step::End if !body.is_end_stream() && body.size_hint().exact().is_some_and(|left| left > 0) => {
                    return Err(Failure::new(Code::ResponseIncomplete, "the stream ended before its content-length"));
                }
                Step::End => {
                    self.exchange.push(Event::End);
                    return Ok(());
                }
            }
        }
    }

    /// The failure of a request without a response head. hyper does not distinguish what RFC 9209 §2.3 does: a
    /// connection that ended before any byte of the response (connection_terminated), and one that ended in the head
    /// (http_response_incomplete).
    fn before_head(&self, failure: Failure) -> Failure {
        let code = match (failure.code, self.protocol, self.wire.borrow().delivered() > self.delivered) {
            (Code::ResponseIncomplete, Protocol::Http1, false) => Code::PeerClosed,
            (Code::PeerClosed | Code::PeerTruncated, Protocol::Http1, true) => Code::ResponseIncomplete,
            (code, _, _) => code,
        };
        Failure { code, ..failure }
    }

    /// The failure for an error of hyper's. The wire has the cause of its own failures, of which h2 keeps only the
    /// text.
    fn explain(&self, error: &hyper::Error) -> Failure {
        let failure = Failure::from_http(error, self.protocol == Protocol::Http2);
        match self.wire.borrow().failure() {
            Some(broken) if !matches!(failure.code, Code::StreamReset | Code::GoAway) => broken.clone(),
            _ => failure,
        }
    }

    fn poll_frame(&self, body: &mut Incoming, context: &mut Context<'_>) -> Poll<Step> {
        match self.exchange.poll_room(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(false) => return Poll::Ready(Step::Cancelled),
            Poll::Ready(true) => {}
        }
        match Pin::new(body).poll_frame(context) {
            Poll::Ready(Some(frame)) => Poll::Ready(Step::Frame(frame)),
            Poll::Ready(None) => Poll::Ready(Step::End),
            Poll::Pending => self.exchange.poll_cancelled(context).map(|()| Step::Cancelled),
        }
    }

    async fn unless_cancelled<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => self.exchange.poll_cancelled(context).map(|()| None),
        })
        .await
    }
}

/// The end of a wait for the response's body.
enum Step {
    Frame(Result<Frame<Bytes>, hyper::Error>),
    End,
    Cancelled,
}
