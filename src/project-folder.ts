import { fileURLToPath } from 'node:url'

/** Where package.json stands. This file is in src; compiled into one with others it is in build, right beside. */
export const PROJECT_FOLDER = fileURLToPath(new URL('..', import.meta.url))
