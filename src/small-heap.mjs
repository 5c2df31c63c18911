import v8 from 'node:v8'

/**
 * V8 lets garbage grow to several times what is alive before it collects it. A worker moves gigabytes through little that is
 * alive, so it collects early: less memory for a little CPU time. Imported first, before the other modules are evaluated. The
 * main thread's young generation can't be sized from within: `npm run worker` and the Dockerfile give `--max-semi-space-size`.
 */
v8.setFlagsFromString('--heap-growing-percent=30')
// The optimizing compiler takes some 45 MB for PostgreSQL's parser in WebAssembly, which runs for seconds of a migration.
v8.setFlagsFromString('--liftoff-only')
// For the threads that begin later, those of the workflows: little comes and goes there.
v8.setFlagsFromString('--max-semi-space-size=2')
