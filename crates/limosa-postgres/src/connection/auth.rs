//! Proving who we are: SCRAM-SHA-256 and -PLUS, MD5, and a password in clear only where nobody can
//! read along.

use super::{Connection, Frame};
use crate::connect::ChannelBinding as Wanted;
use limosa_core::secret::ExposeSecret;
use limosa_core::{Error, ErrorKind, Result};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::frontend;

fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Authentication, "logging in", why)
}

impl Connection {
    /// Answers the server's authentication requests until it is content.
    pub(super) fn authenticate(&mut self) -> Result<()> {
        let mut bound = false;
        let mut asked = false;
        loop {
            let frame = self.message()?;
            match frame.tag {
                b'R' => {}
                b'E' => return Err(self.fault(frame)),
                tag => return Err(self.unexpected(tag)),
            }
            let body = self.body(frame);
            let Some((code, rest)) = body.split_first_chunk::<4>() else {
                return Err(self.malformed("an authentication request is too short"));
            };
            let code = i32::from_be_bytes(*code);
            let rest = rest.to_vec();
            let method = match code {
                0 if !asked => Some("none"),
                3 => Some("password"),
                5 => Some("md5"),
                10 => Some("scram-sha-256"),
                _ => None,
            };
            asked = true;
            if let Some(method) = method {
                self.admit(method)?;
            }
            match code {
                0 => {
                    if self.settings.channel_binding == Wanted::Require && !bound {
                        return Err(refused(
                            "channel binding is required and the server did not use it",
                        ));
                    }
                    return Ok(());
                }
                3 => {
                    if !self.stream.private() {
                        return Err(refused(
                            "the server wants the password in clear over a connection that others can read",
                        )
                        .hint("Use sslmode=verify-full, or scram-sha-256 in pg_hba.conf."));
                    }
                    let password = self.password()?;
                    self.send(|out| {
                        frontend::password_message(password.expose_secret().as_bytes(), out)
                    })?;
                }
                5 => {
                    let Some(salt) = rest.first_chunk::<4>().copied() else {
                        return Err(self.malformed("an MD5 request lacks its salt"));
                    };
                    let password = self.password()?;
                    let hash = md5_hash(
                        self.settings.user.as_bytes(),
                        password.expose_secret().as_bytes(),
                        salt,
                    );
                    self.send(|out| frontend::password_message(hash.as_bytes(), out))?;
                }
                10 => {
                    let offered: Vec<String> = rest
                        .split(|b| *b == 0)
                        .filter(|m| !m.is_empty())
                        .map(|m| String::from_utf8_lossy(m).into_owned())
                        .collect();
                    bound = self.scram(&offered)?;
                }
                2 | 7 | 9 => {
                    return Err(refused("the server wants Kerberos, GSSAPI or SSPI")
                        .hint("Use scram-sha-256 or a client certificate for this role."));
                }
                code => return Err(refused(format!("unknown authentication request {code}"))),
            }
        }
    }

    /// Refuses what `require_auth` does not admit.
    fn admit(&self, method: &str) -> Result<()> {
        let methods = &self.settings.methods;
        let admitted = match methods.first() {
            None => true,
            Some(m) if m.starts_with('!') => !methods.iter().any(|m| &m[1..] == method),
            Some(_) => methods.iter().any(|m| m == method),
        };
        if admitted {
            return Ok(());
        }
        let why = format!("require_auth does not admit {method}, for which the server asks");
        Err(refused(why))
    }

    fn password(&self) -> Result<limosa_core::secret::SecretString> {
        self.settings.password_for(&self.place)?.ok_or_else(|| {
            refused("the server wants a password and none is given")
                .hint("Set PGPASSWORD, use a password file, or put it into the URL.")
        })
    }

    /// Runs SCRAM; returns whether it was bound to the TLS channel.
    fn scram(&mut self, offered: &[String]) -> Result<bool> {
        let has = |m: &str| offered.iter().any(|o| o == m);
        let wanted = self.settings.channel_binding;
        let end_point = match wanted {
            Wanted::Disable => None,
            _ => self.stream.end_point(),
        };
        let (mechanism, binding, bound) = match end_point {
            Some(hash) if has(SCRAM_SHA_256_PLUS) => (
                SCRAM_SHA_256_PLUS,
                ChannelBinding::tls_server_end_point(hash),
                true,
            ),
            _ if wanted == Wanted::Require => {
                return Err(refused("channel binding is required and can not be had"));
            }
            // "y": we could have bound; a server that could too then knows of a downgrade.
            Some(_) if has(SCRAM_SHA_256) => (SCRAM_SHA_256, ChannelBinding::unrequested(), false),
            None if has(SCRAM_SHA_256) => (SCRAM_SHA_256, ChannelBinding::unsupported(), false),
            _ => return Err(refused("the server offers no SASL mechanism that we know")),
        };
        let password = self.password()?;
        let mut scram = ScramSha256::new(password.expose_secret().as_bytes(), binding);
        self.send(|out| frontend::sasl_initial_response(mechanism, scram.message(), out))?;
        let frame = self.sasl(11)?;
        let first = self.body(frame)[4..].to_vec();
        scram.update(&first).map_err(|e| refused(e.to_string()))?;
        self.send(|out| frontend::sasl_response(scram.message(), out))?;
        let frame = self.sasl(12)?;
        let last = self.body(frame)[4..].to_vec();
        scram.finish(&last).map_err(|e| refused(e.to_string()))?;
        Ok(bound)
    }

    fn sasl(&mut self, code: i32) -> Result<Frame> {
        let frame = self.message()?;
        match frame.tag {
            b'R' if self.body(frame).starts_with(&code.to_be_bytes()) => Ok(frame),
            b'E' => Err(self.fault(frame)),
            tag => Err(self.unexpected(tag)),
        }
    }
}
