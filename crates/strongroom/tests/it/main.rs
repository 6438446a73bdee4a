//! The command line, from outside: real processes, a provider on loopback, temporary folders.
//! Low tests stand in `src`; here is what only a whole program can show.

mod agent;
mod arguments;
mod buckets;
mod contacts;
mod device;
mod devices;
mod drops;
mod edv;
mod edv_interop;
mod files;
mod full;
mod interrupts;
mod links;
mod names;
mod play;
mod prompts;
mod provider;
mod providers;
mod recovery;
mod restored;
mod sealings;
mod seen;
mod shapes;
mod sharing;
mod terminal;
mod versions;
mod web;
