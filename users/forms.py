from django import forms


class SignupNameForm(forms.Form):
    """What we ask at registration besides e-mail and password."""

    name = forms.CharField(max_length=80, label="Your name")

    def signup(self, request, user):
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])
