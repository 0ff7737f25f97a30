/** A SIP message as text, and why its fields are what they are. */
import type { Explanation } from '../client/types.ts';
import { reasonInWords, t } from '../text/index.ts';

/** Fields that say who calls and who is called are marked. */
const MARKED =
  /^(INVITE|From|To|Contact|P-Asserted-Identity|P-Preferred-Identity|P-Called-Party-ID|Remote-Party-ID|Privacy)\b/i;

export function Invite({ text }: { readonly text: string }) {
  const [head = ''] = text.split('\r\n\r\n');
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the keyboard has to reach it
    <section class="message" tabIndex={0} aria-label={t('wizard.invite')}>
      <pre>
        {head.split('\r\n').map((line) => (
          <span key={line}>
            {MARKED.test(line) ? <mark>{line}</mark> : line}
            {'\n'}
          </span>
        ))}
      </pre>
    </section>
  );
}

type Fields = Explanation['routes'][number]['fields'];

export function Reasons({ fields }: { readonly fields: Fields }) {
  return (
    <details>
      <summary>{t('wizard.previewFields')}</summary>
      <dl class="facts reasons">
        {fields
          .filter(({ overruled }) => overruled !== true)
          .map(({ field, value, reason }) => (
            <div key={field + value + reason}>
              <dt class="mono">{field}</dt>
              <dd>
                <code>{value}</code>
                <span class="table-sub">{reasonInWords(reason)}</span>
              </dd>
            </div>
          ))}
      </dl>
    </details>
  );
}
