//! A connection as the host sees it: first in the states of `tls.rs`, then open (`http.rs`), then closed.

use crate::codec::Reader;
use crate::config::Config;
use crate::error::{Code, Failure};
use crate::exchange::Event;
#[cfg(feature = "server")]
use crate::exchange::Exchange;
use crate::http::Open;
use crate::http_client::Protocol;
#[cfg(feature = "server")]
use crate::serving::Serving;
use crate::table::Handle;
#[cfg(feature = "server")]
use crate::tasks::Bell;
use crate::tls::{AwaitingVerdict, Completing, Completion, Handshake, Handshaking};
use crate::wire::Wire;
use http::HeaderMap;

enum State {
    Handshaking(Handshaking),
    AwaitingVerdict(AwaitingVerdict),
    Completing(Completing),
    Open(Open),
    #[cfg(feature = "server")]
    Serving(Serving),
    Closed(Failure),
}

/// The state of a connection, as a number of the ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Phase {
    Handshaking = 0,
    AwaitingVerdict = 1,
    Completing = 2,
    Open = 3,
    Closed = 4,
}

/// A connection in any state.
pub struct Connection {
    state: State,
    /// Bytes of the handshake, and alerts, that wait for the socket.
    output: Vec<u8>,
}

impl Connection {
    pub fn tls(config: &Config, sni: &[u8]) -> Result<Self, Failure> {
        let mut handshaking = Handshaking::start(config, sni)?;
        let output = handshaking.output();
        Ok(Self { state: State::Handshaking(handshaking), output })
    }

    pub fn plain(protocol: Protocol) -> Self {
        Self { state: State::Open(Open::start(Wire::plain(), protocol, "http")), output: Vec::new() }
    }

    /// A client's connection.
    #[cfg(feature = "server")]
    pub fn serving(protocol: Protocol) -> Self {
        Self { state: State::Serving(Serving::new(protocol)), output: Vec::new() }
    }

    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Handshaking(_) => Phase::Handshaking,
            State::AwaitingVerdict(_) => Phase::AwaitingVerdict,
            State::Completing(_) => Phase::Completing,
            State::Open(open) if open.ended().is_some() => Phase::Closed,
            State::Open(_) => Phase::Open,
            #[cfg(feature = "server")]
            State::Serving(serving) if serving.ended().is_some() => Phase::Closed,
            #[cfg(feature = "server")]
            State::Serving(_) => Phase::Open,
            State::Closed(_) => Phase::Closed,
        }
    }

    /// The reason why the connection is closed; None while it is not.
    pub fn failure(&self) -> Option<Failure> {
        match &self.state {
            State::Open(open) => open.ended(),
            #[cfg(feature = "server")]
            State::Serving(serving) => serving.ended(),
            State::Closed(failure) => Some(failure.clone()),
            _ => None,
        }
    }

    /// The open connection, or why there is none.
    pub fn open(&mut self) -> Result<&mut Open, Failure> {
        match &mut self.state {
            State::Open(open) => Ok(open),
            State::Closed(failure) => Err(failure.clone()),
            _ => Err(Failure::new(Code::WrongState, "no verdict yet")),
        }
    }

    pub fn as_open(&self) -> Option<&Open> {
        if let State::Open(open) = &self.state {
            Some(open)
        } else {
            None
        }
    }

    /// The client's connection, or why there is none.
    #[cfg(feature = "server")]
    pub fn as_serving(&mut self) -> Result<&mut Serving, Failure> {
        match &mut self.state {
            State::Serving(serving) => Ok(serving),
            _ => Err(Failure::new(Code::WrongState, "not a client's connection")),
        }
    }

    pub fn has_ready(&self) -> bool {
        match &self.state {
            State::Open(open) => open.has_ready(),
            #[cfg(feature = "server")]
            State::Serving(serving) => serving.has_ready(),
            _ => false,
        }
    }

    pub fn in_flight(&self) -> usize {
        match &self.state {
            State::Open(open) => open.in_flight(),
            #[cfg(feature = "server")]
            State::Serving(serving) => serving.in_flight(),
            _ => 0,
        }
    }

    /// Takes bytes from the front of `input`. Answers how many were taken: fewer than given once the chain is
    /// presented, and while response bytes wait for the host.
    pub fn feed(&mut self, input: &[u8]) -> usize {
        let mut taken = 0;
        while taken < input.len() {
            let rest = &input[taken..];
            let step = match &mut self.state {
                State::AwaitingVerdict(_) => return taken,
                State::Open(open) => return taken + open.feed(rest),
                #[cfg(feature = "server")]
                State::Serving(serving) => return taken + serving.feed(rest),
                State::Closed(_) => return input.len(),
                State::Handshaking(_) | State::Completing(_) => self.advance(rest),
            };
            if step == 0 && matches!(self.state, State::Completing(_)) {
                return self.close_with(Failure::new(Code::TooLarge, "handshake message is too large"), input.len());
            }
            taken += step;
        }
        taken
    }

    /// Takes one step of the handshake. Answers how many bytes were taken.
    fn advance(&mut self, input: &[u8]) -> usize {
        let moved = State::Closed(Failure::new(Code::Internal, "a handshake step was interrupted"));
        let (taken, state) = match std::mem::replace(&mut self.state, moved) {
            State::Handshaking(handshaking) => {
                let (taken, next) = handshaking.feed(input);
                (
                    taken,
                    match next {
                        Handshake::Continues(mut handshaking) => {
                            self.output.append(&mut handshaking.output());
                            State::Handshaking(handshaking)
                        }
                        Handshake::Presented(awaiting) => State::AwaitingVerdict(awaiting),
                        Handshake::Failed(failure, mut alert) => {
                            self.output.append(&mut alert);
                            State::Closed(failure)
                        }
                    },
                )
            }
            State::Completing(completing) => {
                let (taken, next) = completing.feed(input);
                (
                    taken,
                    match next {
                        Completion::Continues(mut completing) => {
                            self.output.append(&mut completing.output());
                            State::Completing(completing)
                        }
                        Completion::Done(verified) => {
                            let protocol = if verified.is_http2() { Protocol::Http2 } else { Protocol::Http1 };
                            State::Open(Open::start(Wire::tls(verified), protocol, "https"))
                        }
                        Completion::Failed(failure, mut alert) => {
                            self.output.append(&mut alert);
                            State::Closed(failure)
                        }
                    },
                )
            }
            other => (0, other),
        };
        self.state = state;
        taken
    }

    fn close_with(&mut self, failure: Failure, taken: usize) -> usize {
        self.state = State::Closed(failure);
        taken
    }

    /// Says that the socket has ended. `broken`: after an error of the socket.
    pub fn end(&mut self, broken: bool) {
        match &mut self.state {
            State::Open(open) => open.end(broken),
            #[cfg(feature = "server")]
            State::Serving(serving) => serving.end(broken),
            State::Closed(_) => {}
            _ => self.state = State::Closed(Failure::new(Code::PeerTruncated, "the peer closed during the handshake")),
        }
    }

    /// Runs hyper on what earlier calls made possible.
    pub fn turn(&mut self) {
        match &mut self.state {
            State::Open(open) => open.turn(),
            #[cfg(feature = "server")]
            State::Serving(serving) => serving.turn(),
            _ => {}
        }
    }

    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
            || match &self.state {
                State::Open(open) => open.has_output(),
                #[cfg(feature = "server")]
                State::Serving(serving) => serving.has_output(),
                _ => false,
            }
    }

    /// Moves the bytes for the socket to the end of `out`.
    pub fn drain(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.output);
        match &mut self.state {
            State::Open(open) => open.drain(out),
            #[cfg(feature = "server")]
            State::Serving(serving) => serving.drain(out),
            _ => {}
        }
    }

    /// The presented chain ([`AwaitingVerdict::presented`]).
    pub fn presented(&self) -> Result<Vec<u8>, Failure> {
        match &self.state {
            State::AwaitingVerdict(awaiting) => Ok(awaiting.presented()),
            _ => Err(Failure::new(Code::WrongState, "no chain awaits a verdict")),
        }
    }

    /// Accepts the presented chain.
    pub fn approve(&mut self) -> Result<(), Failure> {
        let mut completing = self.take_awaiting()?.approve();
        self.output.append(&mut completing.output());
        self.state = State::Completing(completing);
        self.advance(&[]); // In TLS 1.3 the handshake is complete by now.
        Ok(())
    }

    /// Refuses the presented chain, with a TLS alert for the peer.
    pub fn refuse(&mut self, alert: u8) -> Result<(), Failure> {
        let mut alert = self.take_awaiting()?.refuse(alert);
        self.output.append(&mut alert);
        self.state = State::Closed(Failure::new(Code::Refused, "the verdict was no"));
        Ok(())
    }

    fn take_awaiting(&mut self) -> Result<AwaitingVerdict, Failure> {
        match std::mem::replace(
            &mut self.state,
            State::Closed(Failure::new(Code::Internal, "a verdict was interrupted")),
        ) {
            State::AwaitingVerdict(awaiting) => Ok(awaiting),
            other => {
                self.state = other;
                Err(Failure::new(Code::WrongState, "no chain awaits a verdict"))
            }
        }
    }

    /// Has the connection listed in `bell` when a call about another connection wakes its tasks.
    #[cfg(feature = "server")]
    pub fn set_bell(&mut self, bell: &Bell, connection: Handle) {
        match &mut self.state {
            State::Open(open) => open.set_bell(bell.clone(), connection),
            State::Serving(serving) => serving.set_bell(bell.clone(), connection),
            _ => {}
        }
    }

    /// Whether tasks were woken that no call has polled since.
    #[cfg(feature = "server")]
    pub fn has_woken(&self) -> bool {
        match &self.state {
            State::Open(open) => open.has_woken(),
            State::Serving(serving) => serving.has_woken(),
            _ => false,
        }
    }

    /// The request of a backend, for a splice.
    #[cfg(feature = "server")]
    pub fn source(&mut self, request: Handle) -> Result<Exchange, Failure> {
        self.open()?.exchange(request).cloned()
    }

    /// Takes bytes of a request's body, or of the body of a response to a client.
    pub fn write(&mut self, request: Handle, bytes: &[u8]) -> Result<usize, Failure> {
        match &mut self.state {
            #[cfg(feature = "server")]
            State::Serving(serving) => serving.write(request, bytes),
            _ => self.open()?.write(request, bytes),
        }
    }

    /// Ends that body. `trailers`: encoded as headers are, or empty.
    pub fn finish(&mut self, request: Handle, trailers: &[u8]) -> Result<(), Failure> {
        let mut reader = Reader::new(trailers);
        let trailers = if reader.is_empty() { HeaderMap::new() } else { reader.headers()? };
        reader.end()?;
        match &mut self.state {
            #[cfg(feature = "server")]
            State::Serving(serving) => serving.finish(request, trailers),
            _ => self.open()?.finish(request, trailers),
        }
    }

    pub fn cancel(&mut self, request: Handle) -> Result<(), Failure> {
        match &mut self.state {
            #[cfg(feature = "server")]
            State::Serving(serving) => serving.reset(request, h2::Reason::CANCEL),
            _ => self.open()?.cancel(request),
        }
    }

    pub fn next_ready(&mut self) -> Result<Option<Handle>, Failure> {
        match &mut self.state {
            #[cfg(feature = "server")]
            State::Serving(serving) => Ok(serving.next_ready()),
            _ => Ok(self.open()?.next_ready()),
        }
    }

    pub fn next_event(&mut self, request: Handle) -> Result<Option<Event>, Failure> {
        match &mut self.state {
            #[cfg(feature = "server")]
            State::Serving(serving) => serving.next_event(request),
            _ => self.open()?.next_event(request),
        }
    }

    pub fn close(&mut self) {
        match &mut self.state {
            State::Open(open) => open.close(),
            #[cfg(feature = "server")]
            State::Serving(serving) => serving.close(),
            State::Closed(_) => {}
            _ => self.state = State::Closed(Failure::new(Code::Cancelled, "closed by us")),
        }
    }
}
