/** See compiled-worker.mjs. */
export function compiledWorker(entry: string): Promise<string | undefined>
