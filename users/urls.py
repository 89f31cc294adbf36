from django.urls import path

from users.views.contact import contact, course_request
from users.views.pages import about
from users.views.profile import profile, update_photo, update_profile

app_name = "users"
urlpatterns = [
    path("profile", profile, name="profile"),
    path("updateprofile", update_profile, name="update_profile"),
    path("updateprofilepicture", update_photo, name="update_photo"),
    path("contact", contact, name="contact"),
    path("request", course_request, name="course_request"),
    path("about", about, name="about"),
]
