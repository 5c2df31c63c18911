/**
 * How a worker's process is started, as `npm run worker` and the Dockerfile have it too: the size of V8's young generation is given on the
 * command line only, and glibc reads its settings before anything else. With an arena for each of many threads its heap keeps some 20 MB more
 * (mallopt(3), M_ARENA_MAX).
 */
export const WORKER_FLAGS = ['--max-semi-space-size=8']
export const WORKER_ENVIRONMENT = { MALLOC_ARENA_MAX: '2' }
