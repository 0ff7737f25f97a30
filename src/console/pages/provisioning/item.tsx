/** One thing that a tenant owns: made, changed, or deleted once nothing names it. */
import { documents } from '../../client/resources.ts';
import { mayChange } from '../../client/session.ts';
import { useQuery } from '../../client/use-query.ts';
import { navigate } from '../../router.tsx';
import { t } from '../../text/index.ts';
import { Page } from '../../ui/page.tsx';
import { say } from '../../ui/toast.tsx';
import { Unread } from '../../ui/unread.tsx';
import { DocumentForm } from './document-form.tsx';
import { DocumentPage } from './document-page.tsx';
import { addressOf, nameOf, pathOf, type Resource } from './resources.tsx';

export function NewItem({ resource, tenant }: { readonly resource: Resource; readonly tenant: string }) {
  const list = addressOf(resource, tenant);
  const path = pathOf(resource, tenant);
  return (
    <Page title={nameOf(resource, 'new')} text={tenant} up={{ to: list, label: nameOf(resource, 'title') }}>
      <DocumentForm
        form={resource}
        document={{}}
        isNew
        mayEdit={mayChange()}
        tenant={tenant}
        {...(resource.plans ? { planned: path.slice(1) } : {})}
        save={(document) => documents.create(path, document)}
        onSaved={(document) => {
          say(t('provisioning.added', { name: String(document[resource.key] ?? nameOf(resource, 'one')) }));
          navigate(list, 'replace');
        }}
        onCancel={() => navigate(list)}
      />
    </Page>
  );
}

interface EditItemProps {
  readonly resource: Resource;
  readonly tenant: string;
  readonly itemKey: string;
}

export function EditItem({ resource, tenant, itemKey }: EditItemProps) {
  const path = pathOf(resource, tenant, itemKey);
  const list = addressOf(resource, tenant);
  const { data, error, reload } = useQuery(path, () => documents.get(path));
  const up = { to: list, label: nameOf(resource, 'title') };
  if (data === undefined) return <Unread title={itemKey} up={up} error={error} />;
  const name = data.document['name'];
  return (
    <DocumentPage
      {...{ path, read: data, reload, up, list, tenant }}
      name={itemKey}
      title={name === undefined || name === itemKey ? itemKey : `${itemKey} · ${name}`}
      text={`${nameOf(resource, 'one')} · ${tenant}`}
      form={resource}
      mayEdit={mayChange()}
      {...(resource.plans ? { planned: path.slice(1) } : {})}
      deletion={{ plans: resource.plans }}
    />
  );
}
