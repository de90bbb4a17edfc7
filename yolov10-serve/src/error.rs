//! Everything that can keep a server from starting or from ending well.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server does not start, or does not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server can't listen at the address.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
    /// The address is open to other machines, and there is no token.
    #[error("{address} is reachable from elsewhere: expected --token-file, or --no-auth if anybody may use it")]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// A certificate or key is missing or invalid.
    #[error("{}: {reason}", file.display())]
    Tls {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The name of a model or source is invalid, or given twice.
    #[error("{0}")]
    Name(String),
    /// A model can't be loaded, or the repository can't be read.
    #[error("{0}")]
    Load(String),
    /// Some memory was not freed at the end.
    #[error("{0}")]
    Left(String),
    /// The system refused threads or signals.
    #[error(transparent)]
    System(#[from] std::io::Error),
}
