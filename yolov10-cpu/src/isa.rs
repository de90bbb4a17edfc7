//! Instruction sets: what this machine has, found at run time, so that one binary serves all machines.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A family of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// AVX-512F.
    Avx512,
    /// AVX2 and FMA.
    Avx2,
    /// aarch64's NEON.
    Neon,
    /// Plain Rust, for every machine.
    Portable,
}

impl Isa {
    const ALL: [Isa; 4] = [Isa::Avx512, Isa::Avx2, Isa::Neon, Isa::Portable];

    /// The best that this machine has.
    pub fn detect() -> Isa {
        Isa::available().next().expect("the portable kernels run everywhere")
    }

    /// All that this machine has, best first.
    pub fn available() -> impl Iterator<Item = Isa> {
        Isa::ALL.into_iter().filter(|isa| isa.is_available())
    }

    fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => std::arch::is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            Isa::Portable => true,
            _ => false,
        }
    }

    /// This set, or the error that says what the machine has instead.
    pub(crate) fn checked(self) -> Result<Isa, Error> {
        if self.is_available() {
            return Ok(self);
        }
        let available = Isa::available().map(|isa| isa.to_string()).collect::<Vec<_>>().join(", ");
        Err(Error::Isa { wanted: self, available })
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Isa::Avx512 => "avx512",
            Isa::Avx2 => "avx2",
            Isa::Neon => "neon",
            Isa::Portable => "portable",
        })
    }
}

impl FromStr for Isa {
    type Err = Error;

    fn from_str(name: &str) -> Result<Isa, Error> {
        Isa::ALL.into_iter().find(|isa| isa.to_string() == name).ok_or_else(|| Error::IsaName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for isa in Isa::ALL {
            assert_eq!(isa.to_string().parse::<Isa>().unwrap(), isa);
        }
        assert!(matches!("sse9".parse::<Isa>(), Err(Error::IsaName(name)) if name == "sse9"));
    }

    #[test]
    fn a_set_of_another_architecture_is_refused_by_name() {
        let foreign = if cfg!(target_arch = "aarch64") { Isa::Avx2 } else { Isa::Neon };
        let message = foreign.checked().unwrap_err().to_string();
        assert!(message.starts_with(&format!("instruction set {foreign}: this machine has")), "{message}");
        assert!(message.ends_with("portable"), "{message}");
    }
}
