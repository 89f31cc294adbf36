def test_it_works(client, db):
    page = client.get("/about").content.decode()
    assert "Payment is secured by Razorpay" in page
    for section in ("payment", "refunds", "terms", "privacy"):
        assert f'id="{section}"' in page


def test_it_asks_the_database_nothing(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        client.get("/about")
