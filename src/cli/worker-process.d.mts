/** See worker-process.mjs. */
export function runWorkerProcess(script: string, env: NodeJS.ProcessEnv): Promise<number>
