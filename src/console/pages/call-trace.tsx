/** The ladder of a call, live or over, with the reasons of what was sent. */
import { calls } from '../client/resources.ts';
import { useQuery } from '../client/use-query.ts';
import { t } from '../text/index.ts';
import { ButtonDownload } from '../ui/button.tsx';
import { Ladder } from '../ui/ladder.tsx';
import { PartUnread } from '../ui/unread.tsx';
import { Why } from '../ui/why.tsx';

const LIVE_MS = 1000;

export function CallTrace({ id, isLive }: { readonly id: string; readonly isLive: boolean }) {
  const trace = useQuery(`trace ${id}`, () => calls.trace(id), isLive ? LIVE_MS : undefined);
  const messages = trace.data?.messages ?? [];
  // Nothing is kept of it: known once it was asked.
  const isGone = trace.data?.messages.length === 0 || (trace.data === undefined && trace.error?.status === 404);
  const isUnread = trace.data === undefined && trace.error === undefined;
  // Each INVITE that leaves has its reasons.
  const invites = messages.filter(({ text }) => text.startsWith('INVITE ')).length;
  const explanation = useQuery(`explain ${id} ${invites}`, () => calls.explain(id)).data;
  return (
    <section class="stack" aria-busy={isUnread}>
      <header class="row row-spread">
        <div>
          <h2>{t('ladder.title')}</h2>
          <p class="small soft">{isGone ? t('ladder.gone') : t('ladder.text')}</p>
        </div>
        {messages.length === 0 ? null : (
          <ButtonDownload label={t('ladder.pcap')} small href={calls.captureAddress(id)} file={`${id}.pcap`} />
        )}
      </header>
      {trace.data === undefined && !isGone ? <PartUnread error={trace.error} /> : null}
      <Ladder messages={messages} explanation={explanation} />
      {explanation === undefined ? null : <Why explanation={explanation} />}
    </section>
  );
}
