-- What a coupon is good for, where that is one kind of goods: one row per campaign and coupon.
select
    c.campaign_id,
    c.coupon_upc,
    any_value(k.category) as category,
    any_value(k.item) as item
from coupons as c
join products as p using (product_id)                         -- leaves out goods that nobody knows any more
left join categories as k using (product_category)
group by c.campaign_id, c.coupon_upc
having
    count(distinct p.product_category) = 1                    -- leaves out coupons for a bit of everything
    and any_value(k.category) is not null                     -- leaves out what is too private to be reminded of
