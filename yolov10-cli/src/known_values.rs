//! Options whose values are parsed freely, but have a few common values for completion to offer.

use std::ffi::OsStr;
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};

/// Parses with `FromStr`, and offers these values for completion.
#[derive(Debug)]
pub struct Known<T>(&'static [&'static str], PhantomData<fn() -> T>);

impl<T> Known<T> {
    pub const fn new(values: &'static [&'static str]) -> Self {
        Self(values, PhantomData)
    }
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        Self(self.0, PhantomData)
    }
}

impl<T> TypedValueParser for Known<T>
where
    T: FromStr<Err: Display + std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        (|text: &str| text.parse::<T>()).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}
