/** In place of what is about one thing: while it is read, when it cannot be, and when it is not there. */
import type { RequestError } from '../client/http.ts';
import { t } from '../text/index.ts';
import { ButtonLink } from './button.tsx';
import { FaultSummary, faultsOf, wordsOf } from './form.tsx';
import { Empty, Page } from './page.tsx';

interface UnreadProps {
  readonly title: string;
  readonly up?: { readonly to: string; readonly label: string } | undefined;
  readonly error: RequestError | undefined;
}

export function Unread({ title, up, error }: UnreadProps) {
  return (
    <Page title={title} {...(up && { up })}>
      {error?.status === 404 ? (
        <div class="card">
          <Empty icon="search" title={t('app.gone')} text={t('app.goneText')}>
            <p class="small soft break">{wordsOf(error)}</p>
            {up === undefined ? null : <ButtonLink label={up.label} to={up.to} />}
          </Empty>
        </div>
      ) : (
        <div class={error === undefined ? 'card stack' : undefined} aria-busy={error === undefined}>
          <PartUnread error={error} />
        </div>
      )}
    </Page>
  );
}

/** The same in place of a part of a page. */
export function PartUnread({ error }: { readonly error: RequestError | undefined }) {
  if (error === undefined) return <Skeleton />;
  return <FaultSummary faults={faultsOf(error)} title={t('table.failed')} />;
}

/** Where something will stand once it is read: until then nothing does that could be taken for it. */
export function Skeleton() {
  return (
    <>
      <span class="skeleton" />
      <span class="skeleton" />
    </>
  );
}
