export declare const WORKER_FLAGS: readonly string[]
export declare const WORKER_ENVIRONMENT: Readonly<Record<string, string>>
