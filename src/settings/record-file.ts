/** The file of call records, looked at before calls depend on it. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { CredentialProblem } from './credential-files.ts';
import type { NodeSettings } from './node-schema.ts';

/** Why the file that `records.file` names could not be written. The default lies in the store's folder, which the store makes. */
export function recordFileProblems({ records: { file } }: NodeSettings): CredentialProblem[] {
  const why = file === undefined ? undefined : whyUnwritable(file);
  if (why === undefined) return [];
  const message = `${file} cannot be written: ${why}`;
  return [{ code: 'file-unwritable', path: 'records.file', message, segments: ['records', 'file'] }];
}

function whyUnwritable(file: string): string | undefined {
  const folder = dirname(file);
  try {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
      return `there is no folder ${folder}: make it, or correct the path`;
    const present = statSync(file, { throwIfNoEntry: false });
    if (present?.isDirectory() === true) return 'it is a folder';
    accessSync(present === undefined ? folder : file, constants.W_OK);
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'EACCES' ? 'the user that runs the engine may not: give it to that user' : message;
  }
}
