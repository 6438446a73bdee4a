//! Authorization of the EDV protocol: fixed vectors, rules, attacks.

mod bent;
mod canon;
mod cases;
mod given;
mod make_allowed;
mod make_form;
mod make_request;
mod nquads;
mod revoking;
mod sent;
mod stories;
mod world;
