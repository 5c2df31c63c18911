import { writeFile } from 'node:fs/promises'

/**
 * Writes a file that must not be there yet, unless `replace`.
 *
 * @returns false if there is one
 */
export async function writeNewFile(file: string, text: string, replace: boolean): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: replace ? 'w' : 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
