/** Why a statement can't be rewritten exactly; becomes an UnrewritableError, or a remark where it is met inside a function's body. */
export class Obstacle extends Error {}
