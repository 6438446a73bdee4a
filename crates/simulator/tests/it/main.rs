//! The rules of membership in worlds that try to break them. `STRONGROOM_LONG=1` runs a million.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rules;
mod small;
mod wild;
