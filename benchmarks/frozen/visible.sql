-- What had happened by `$now`: each table by the time at which its rows happened; a row without one is visible.
create view customers as from w.customers where registered_at is null or registered_at <= $now;
create view memberships as from w.memberships where joined_at is null or joined_at <= $now;
create view consent_events as from w.consent_events where happened_at is null or happened_at <= $now;
create view suppressions as from w.suppressions where happened_at is null or happened_at <= $now;
create view orders as from w.orders where ordered_at is null or ordered_at <= $now;
create view order_lines as from w.order_lines;
create view deliveries as from w.deliveries where created_at is null or created_at <= $now;
create view returns as from w.returns where opened_at is null or opened_at <= $now;
create view support_contacts as from w.support_contacts where opened_at is null or opened_at <= $now;
create view page_views as from w.page_views where viewed_at is null or viewed_at <= $now;
create view care_page_views as from w.care_page_views where viewed_at is null or viewed_at <= $now;
create view baskets as from w.baskets where created_at is null or created_at <= $now;
create view basket_lines as from w.basket_lines where added_at is null or added_at <= $now;
create view items as from w.items;
create view stores as from w.stores;
create view stock as from w.stock where counted_at is null or counted_at <= $now;
