import type { ConnectionDiagnosis, DiagnosisItem } from '../workflows/connection-activities.ts'

const TEXT = 700

/** The steps of one connection test, as they are taken. */
export class Diagnosis {
  readonly #items: DiagnosisItem[] = []

  passed(check: string, found: string): void {
    this.#add(check, 'Passed', found, '')
  }

  warning(check: string, found: string, fix: string): void {
    this.#add(check, 'Warning', found, fix)
  }

  failed(check: string, found: string, fix: string): void {
    this.#add(check, 'Failed', found, fix)
  }

  get result(): ConnectionDiagnosis {
    return { status: this.#items.some(({ status }) => status === 'Failed') ? 'Failed' : 'Passed', diagnosis: this.#items }
  }

  #add(check: string, status: DiagnosisItem['status'], found: string, fix: string): void {
    this.#items.push({ check, status, found: found.slice(0, TEXT), fix: fix.slice(0, TEXT) })
  }
}
