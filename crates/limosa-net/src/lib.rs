//! What engines that speak over a socket share. No engine's protocol is here, and no engine's words but
//! those that an engine hands over for errors.
//!
//! | room | holds |
//! |---|---|
//! | `socket` | a stream: TCP or a local socket, with TLS or without |
//! | `tls` | who is trusted, and who we are |
//! | `binding` | what a password exchange can be bound to |
//! | `der` | keys and certificates before they are believed |
//! | `address` | percent signs, and the nearest known word |
//! | `private` | files that only their owner may read |

mod address;
mod binding;
mod der;
mod private;
mod socket;
mod tls;

pub use address::{nearest, percent_decoded};
pub use der::is_rsa_key;
pub use private::private;
pub use socket::{Stream, kind};
pub use tls::{Names, Roots, Tls, Trust, Version};
