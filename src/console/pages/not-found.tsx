import { t } from '../text/index.ts';
import { ButtonLink } from '../ui/button.tsx';
import { Empty, Page } from '../ui/page.tsx';

export function NotFound() {
  return (
    <Page title={t('app.notFound')}>
      <div class="card">
        <Empty icon="search" title={t('app.notFound')} text={t('app.notFoundText')}>
          <ButtonLink label={t('trunks.title')} to="/trunks" />
        </Empty>
      </div>
    </Page>
  );
}
