//! A connection as the host sees it: the states of `tls.rs`, then `http.rs`, then closed.

use crate::config::Config;
use crate::error::{Code, Failure};
use crate::http::{Open, Protocol};
use crate::tls::{AwaitingVerdict, Completing, Completion, Handshake, Handshaking};
use crate::wire::Wire;

enum State {
    Handshaking(Handshaking),
    AwaitingVerdict(AwaitingVerdict),
    Completing(Completing),
    Open(Open),
    Closed(Failure),
}

/// The numbers are part of the ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Phase {
    Handshaking = 0,
    AwaitingVerdict = 1,
    Completing = 2,
    Open = 3,
    Closed = 4,
}

pub struct Connection {
    state: State,
    /// Handshake bytes and alerts that have left their state already.
    out: Vec<u8>,
}

impl Connection {
    pub fn tls(config: &Config, sni: &[u8]) -> Result<Self, Failure> {
        let mut handshaking = Handshaking::start(config, sni)?;
        let out = handshaking.output();
        Ok(Self { state: State::Handshaking(handshaking), out })
    }

    pub fn plain(protocol: Protocol) -> Self {
        Self { state: State::Open(Open::start(Wire::plain(), protocol, "http")), out: Vec::new() }
    }

    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Handshaking(_) => Phase::Handshaking,
            State::AwaitingVerdict(_) => Phase::AwaitingVerdict,
            State::Completing(_) => Phase::Completing,
            State::Open(open) if open.over().is_some() => Phase::Closed,
            State::Open(_) => Phase::Open,
            State::Closed(_) => Phase::Closed,
        }
    }

    /// Why the connection is closed.
    pub fn failure(&self) -> Option<Failure> {
        match &self.state {
            State::Open(open) => open.over(),
            State::Closed(failure) => Some(failure.clone()),
            _ => None,
        }
    }

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

    /// Takes from the front of `input`; answers how much it took. It stops when the chain is presented, and when
    /// response bytes wait for the host.
    pub fn feed(&mut self, input: &[u8]) -> usize {
        let mut taken = 0;
        while taken < input.len() {
            let rest = &input[taken..];
            let step = match &mut self.state {
                State::AwaitingVerdict(_) => return taken,
                State::Open(open) => return taken + open.feed(rest),
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

    /// One step of the handshake.
    fn advance(&mut self, input: &[u8]) -> usize {
        let moved = State::Closed(Failure::new(Code::Internal, "a handshake step was interrupted"));
        let (taken, state) = match std::mem::replace(&mut self.state, moved) {
            State::Handshaking(handshaking) => {
                let (taken, next) = handshaking.feed(input);
                (
                    taken,
                    match next {
                        Handshake::Going(mut handshaking) => {
                            self.out.append(&mut handshaking.output());
                            State::Handshaking(handshaking)
                        }
                        Handshake::Presented(awaiting) => State::AwaitingVerdict(awaiting),
                        Handshake::Failed(failure, mut alert) => {
                            self.out.append(&mut alert);
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
                        Completion::Going(mut completing) => {
                            self.out.append(&mut completing.output());
                            State::Completing(completing)
                        }
                        Completion::Done(verified) => {
                            let protocol = if verified.is_http2() { Protocol::Http2 } else { Protocol::Http1 };
                            State::Open(Open::start(Wire::tls(verified), protocol, "https"))
                        }
                        Completion::Failed(failure, mut alert) => {
                            self.out.append(&mut alert);
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

    /// The socket's end; `broken`: not in order.
    pub fn end(&mut self, broken: bool) {
        match &mut self.state {
            State::Open(open) => open.end(broken),
            State::Closed(_) => {}
            _ => self.state = State::Closed(Failure::new(Code::PeerTruncated, "the peer closed during the handshake")),
        }
    }

    /// Runs what the last calls made possible.
    pub fn turn(&mut self) {
        if let State::Open(open) = &mut self.state {
            open.turn();
        }
    }

    pub fn has_output(&self) -> bool {
        !self.out.is_empty() || self.as_open().is_some_and(Open::has_output)
    }

    /// Moves the bytes for the socket to the end of `out`.
    pub fn drain(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
        if let State::Open(open) = &mut self.state {
            open.drain(out);
        }
    }

    pub fn presented(&self) -> Result<Vec<u8>, Failure> {
        match &self.state {
            State::AwaitingVerdict(awaiting) => Ok(awaiting.presented()),
            _ => Err(Failure::new(Code::WrongState, "no chain awaits a verdict")),
        }
    }

    pub fn approve(&mut self) -> Result<(), Failure> {
        let mut completing = self.take_awaiting()?.approve();
        self.out.append(&mut completing.output());
        self.state = State::Completing(completing);
        self.advance(&[]); // In TLS 1.3 the handshake is done already.
        Ok(())
    }

    pub fn refuse(&mut self, alert: u8) -> Result<(), Failure> {
        let mut alert = self.take_awaiting()?.refuse(alert);
        self.out.append(&mut alert);
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

    pub fn close(&mut self) {
        match &mut self.state {
            State::Open(open) => open.close(),
            State::Closed(_) => {}
            _ => self.state = State::Closed(Failure::new(Code::Cancelled, "closed by us")),
        }
    }
}
