import { shellWord } from '../workflows/resolve-command.ts'
import type { CommandContext } from './cli.ts'
import { EXIT } from './exit-code.ts'
import { exitCodeOf } from './failure.ts'
import { followMigration } from './follow-migration.ts'
import type { Sight } from './follow-migration.ts'
import type { Outcome } from './output.ts'
import type { Screen } from './screen.ts'
import { wrapped } from './text-width.ts'
import { statusKey, statusLine } from './views/status-change.ts'
import { WatchedMigration } from './watched-migration.ts'

/** Room for lists on a terminal. */
const LIMIT = 6
const REDRAW_MS = 1000

/**
 * Shows a migration until it ends: drawn anew on a terminal, elsewhere a line for each change. Temporal and workers may be away meanwhile. Ends with
 * how the migration ends.
 */
export function watchStatus(context: CommandContext, workflowId: string): Promise<Outcome> {
  return context.interruptible(async (signal) => {
    const temporal = await context.temporal()
    const watched = new WatchedMigration(workflowId)
    const view = new View(context, watched)
    const interrupted = new Promise<'interrupted'>((resolve) => signal.addEventListener('abort', () => resolve('interrupted')))
    const sights = followMigration(temporal, workflowId, { signal })
    try {
      for (;;) {
        // An answer that is still waited for must not hold whoever wants to leave.
        const looking = sights.next()
        looking.catch(() => undefined)
        const next = await Promise.race([looking, interrupted])
        if (next === 'interrupted' || next.done === true) return left(watched, context.out)
        watched.add(next.value, Date.now())
        const { kind } = next.value
        // Once it is over, what was known before holds no longer.
        if (kind !== 'ended' || next.value.status) view.show()
        if (kind === 'ended') return ended(watched, next.value, context.out)
      }
    } finally {
      view.close()
    }
  })
}

/** The place where it is shown. */
class View {
  readonly #context: CommandContext
  readonly #watched: WatchedMigration
  #screen: Screen | undefined
  #stop: (() => void) | undefined
  #key = ''

  constructor(context: CommandContext, watched: WatchedMigration) {
    this.#context = context
    this.#watched = watched
  }

  show(): void {
    const { out, env } = this.#context
    if (!out.live || env['TERM'] === 'dumb') return this.#tell()
    if (!this.#screen) {
      this.#screen = out.openScreen()
      const timer = setInterval(() => this.#draw(), REDRAW_MS)
      const forget = this.#screen.onResize(() => this.#draw())
      this.#stop = () => {
        clearInterval(timer)
        forget()
      }
    }
    this.#draw()
  }

  close(): void {
    this.#stop?.()
    this.#screen?.close()
  }

  #draw(): void {
    const { out } = this.#context
    this.#screen?.draw([...this.#watched.lines(out, LIMIT, Date.now()), '', out.style.dim('Ctrl-C ends this view; the migration goes on.')])
  }

  #tell(): void {
    const { sight, status } = this.#watched
    const absent = sight?.kind === 'absent'
    const key = absent ? `absent ${sight.since.getTime()}` : status ? statusKey(status) : ''
    if (key === this.#key) return
    this.#key = key
    const text = absent ? `no answer: ${sight.reason.split('\n')[0] ?? ''}` : status ? statusLine(status) : 'no status'
    this.#context.out.print([`${new Date().toISOString().slice(0, 19)}Z ${text}`])
  }
}

function ended(watched: WatchedMigration, { facts, failure, status }: Sight & { kind: 'ended' }, out: CommandContext['out']): Outcome {
  const { workflowId } = watched
  const json = { workflowId, workflow: facts.workflow, status: status ?? null, ...(failure && { failure }) }
  const lines = out.live && status ? watched.lines(out, LIMIT, Date.now()) : []
  if (!failure)
    return { json, lines: lines.length > 0 ? lines : [`${workflowId} has completed. See: pgmove report ${shellWord(workflowId)}`] }
  const reason = wrapped(`${workflowId} has ended: ${failure.type}: ${failure.message}`, out.width).map(out.style.bad)
  return { json, lines: [...lines, ...(lines.length > 0 ? [''] : []), ...reason], code: exitCodeOf(failure) }
}

function left(watched: WatchedMigration, out: CommandContext['out']): Outcome {
  const { workflowId, status } = watched
  const lines = out.live ? [...watched.lines(out, LIMIT, Date.now()), ''] : []
  return { json: { workflowId, status: status ?? null }, lines: [...lines, `${workflowId} goes on.`], code: EXIT.interrupted }
}
