import type { Problem } from '../../base/errors.ts';
import { t } from '../text/index.ts';
import { Note } from './note.tsx';

/** What still names a thing that is to be deleted, by the path of the HTTP interface. */
export function InUse({ faults }: { readonly faults: readonly Problem[] }) {
  return (
    <Note kind="bad">
      <p>{faults.some(({ code }) => code === 'in-use') ? t('provisioning.inUse') : t('provisioning.notNow')}</p>
      <ul>
        {faults.map(({ path, message }) => (
          <li class="break" key={path + message}>
            <strong class="mono">{path}</strong> {message}
          </li>
        ))}
      </ul>
    </Note>
  );
}
