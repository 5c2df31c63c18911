import type { Status } from '../workflows/status.ts'
import { durationText, timeText } from './amounts.ts'
import type { Sight } from './follow-migration.ts'
import { wrapped } from './text-width.ts'
import type { Page } from './views/check-lines.ts'
import { StatusHistory } from './views/status-history.ts'
import { statusLines } from './views/status-lines.ts'

/** What a watcher knows of a migration. */
export class WatchedMigration {
  readonly workflowId: string
  readonly history = new StatusHistory()
  status: Status | undefined
  sight: Sight | undefined

  constructor(workflowId: string) {
    this.workflowId = workflowId
  }

  add(sight: Sight, now: number): void {
    this.sight = sight
    const status = sight.kind === 'absent' ? undefined : sight.status
    this.status = status ?? this.status
    this.history.add(status, now)
  }

  /**
   * What is shown of it.
   *
   * @param limit how many entries of a list
   */
  lines(page: Page, limit: number, now: number): string[] {
    const { workflowId, status, sight, history } = this
    const known = status ? statusLines({ workflowId, status, now, history, limit }, page) : []
    if (sight?.kind !== 'absent') return known
    const text = `No answer since ${timeText(sight.since.toISOString())} (${durationText((now - sight.since.getTime()) / 1000)}); asked again and again. ${sight.reason.split('\n')[0] ?? ''}`
    return [...wrapped(text, page.width).map(page.style.warning), '', ...known]
  }
}
